"""Bytes on their way into the vault: known already, or sealed into a frame; recorded in the transaction that uses them.

The order is the store's promise (docs/design/contract.md, 4): verify the checksum, look up, compress, encrypt, append,
fdatasync, catalog transaction, acknowledge. A duplicate is a reference taken in that same transaction: if the chunk
that was known before is gone or bad by then, nothing is acknowledged and the bytes are sealed after all. And since the
bytes are at hand, the stored frame is read and checked before it is relied upon: a duplicate of a damaged frame would
carry the loss on, and here it heals it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from holdfast.catalog import chunk_index
from holdfast.catalog.chunk_index import ChunkRow, NewChunk
from holdfast.catalog.transaction import Tx
from holdfast.chunks.port import Location, SealedFrame
from holdfast.dataplane.places import place_of
from holdfast.dataplane.store import Store
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model.errors import Damaged, Transient
from holdfast.model.purpose import Purpose
from holdfast.wire.message import Buffer

R = TypeVar("R")

_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class VaultRef:
    """The vault that chunks go into."""

    vault_no: int
    keys: VaultKeys


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """A chunk whose checksum has been verified: its bytes and their SHA-256."""

    data: Buffer
    digest: bytes


Recorded = Sequence[int]
"""Chunk numbers, one for each arrival, in order."""


class _KnownNoMore(Exception):
    """A chunk that the look-up knew was gone, or bad, when its reference was to be taken."""


def take_in(store: Store, vault: VaultRef, arrivals: Sequence[Arrival], apply: Callable[[Tx, Recorded], R]) -> R:
    """Makes all arrivals durable and runs `apply` with their chunk numbers, in one transaction; returns its value.

    When this returns, frames and transaction are on disk. An error of `apply` undoes the transaction's step; frames
    written for it are dead space in their pack. `apply` must refer to each chunk or condemn it: one that nothing ever
    referred to would be found by nobody.
    """
    ids = [vault.keys.chunk_id(arrival.digest) for arrival in arrivals]
    known, damaged = _known(store, vault, ids)
    for _ in range(_ATTEMPTS):
        frames, frame_of = _seal(store, vault, arrivals, ids, known)

        def step(tx: Tx, locations: Sequence[Location], frame_of: dict[bytes, int] = frame_of) -> R:
            if damaged:
                tx.alone()
            for chunk in damaged:
                chunk_index.mark_bad(tx, chunk)
            numbers = _record(tx, vault, arrivals, ids, frame_of, locations)
            return apply(tx, numbers)

        try:
            value = store.commits.submit(frames, step, Purpose.ADD)
        except _KnownNoMore:
            known = set()
            continue
        for arrival, chunk_id in zip(arrivals, ids, strict=True):
            if frame_of.pop(chunk_id, None) is None:
                store.on_duplicate(len(arrival.data))
        return value
    raise Transient("chunks were condemned again and again while they were being reused; send the request again")


def _new_chunk(vault: VaultRef, chunk_id: bytes, digest: bytes, raw_bytes: int, place: Location) -> NewChunk:
    return NewChunk(
        chunk_id=chunk_id,
        sealed_digest=vault.keys.seal_digest(chunk_id, digest),
        raw_bytes=raw_bytes,
        pack=place.pack,
        frame_offset=place.offset,
        frame_bytes=place.frame_bytes,
    )


def _known(store: Store, vault: VaultRef, ids: Sequence[bytes]) -> tuple[set[bytes], list[ChunkRow]]:
    """The chunks whose frames were read just now and are sound, and those whose frames are not."""
    if not ids:
        return set(), []
    with store.catalog.snapshot() as tx:
        found = chunk_index.find_sound(tx, vault.vault_no, list(set(ids)))
    sound: set[bytes] = set()
    damaged: list[ChunkRow] = []
    for chunk in found:
        try:
            store.chunks.read(vault.keys, chunk.chunk_id, place_of(chunk), chunk.raw_bytes)
            sound.add(chunk.chunk_id)
        except Damaged:
            damaged.append(chunk)
    return sound, damaged


def _seal(
    store: Store, vault: VaultRef, arrivals: Sequence[Arrival], ids: Sequence[bytes], known: set[bytes]
) -> tuple[list[SealedFrame], dict[bytes, int]]:
    frames: list[SealedFrame] = []
    frame_of: dict[bytes, int] = {}
    for arrival, chunk_id in zip(arrivals, ids, strict=True):
        if chunk_id in known or chunk_id in frame_of:
            continue
        frame_of[chunk_id] = len(frames)
        frames.append(store.chunks.seal(vault.keys, arrival.data, arrival.digest))
    return frames, frame_of


def _record(
    tx: Tx,
    vault: VaultRef,
    arrivals: Sequence[Arrival],
    ids: Sequence[bytes],
    frame_of: dict[bytes, int],
    locations: Sequence[Location],
) -> list[int]:
    reused = chunk_index.find(tx, vault.vault_no, list(set(ids).difference(frame_of)))
    numbers: dict[bytes, int] = {}
    fresh: dict[bytes, NewChunk] = {}
    for arrival, chunk_id in zip(arrivals, ids, strict=True):
        if chunk_id in numbers or chunk_id in fresh:
            continue
        position = frame_of.get(chunk_id)
        if position is not None:
            place = locations[position]
            fresh[chunk_id] = _new_chunk(vault, chunk_id, arrival.digest, len(arrival.data), place)
            continue
        chunk = reused.get(chunk_id)
        if chunk is None or chunk.bad:
            raise _KnownNoMore
        numbers[chunk_id] = chunk.chunk_no
    recorded = chunk_index.record(tx, vault.vault_no, list(fresh.values()))
    numbers.update(zip(fresh, recorded, strict=True))
    return [numbers[chunk_id] for chunk_id in ids]
