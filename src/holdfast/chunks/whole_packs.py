"""Packs for a place whose blobs cannot grow: each is written whole, in one request, by the group that fills it.

What is always true here: a pack is announced, durably, before its upload begins, so that none lies there that nobody
knows of; when `write_group` returns, every frame of it survives a power cut; and its length is recorded in the very
transaction that records its frames. Announcing costs a transaction, so that a few packs are announced ahead; those that
are never begun are found empty and forgotten when their writer has ended.
"""

import contextlib
import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, NamedTuple, Protocol, TypeVar

from holdfast.chunks.packs import PACK_BYTES_MAX_DEFAULT, by_vault, pack_name
from holdfast.chunks.port import Location, SealedFrame
from holdfast.model.errors import HoldfastError, Unavailable
from holdfast.packfile.layout import FRAME_HEADER_BYTES, UID_BYTES, PackHeader, decode_frame_header

Tx = TypeVar("Tx")

Buffer = bytes | bytearray | memoryview

_AHEAD_MAX = 16


class WholeStore(Protocol):
    """Where whole packs go (blobs.s3.S3Blobs)."""

    def put_new(self, name: str, data: Sequence[Buffer]) -> None:
        """Keep the buffers, one after the other, under a name that nobody else uses; durable on return."""

    def delete(self, name: str) -> None: ...


class Announces(Protocol):
    """The catalog's side of beginning packs (catalog.writer.Writer)."""

    def announce(self, vault_uid: bytes, pack_uids: Sequence[bytes]) -> object:
        """These packs are about to be begun, or not; durable on return."""


class WholePacks(Generic[Tx]):
    """Writes groups of frames durably. Safe for many threads, many groups at a time."""

    def __init__(
        self,
        blobs: WholeStore,
        writer: Announces,
        measure: Callable[[Tx, bytes, int, int], object],
        *,
        random: Callable[[int], bytes] = os.urandom,
        pack_bytes_max: int = PACK_BYTES_MAX_DEFAULT,
    ) -> None:
        """`measure` notes, in a transaction, of a pack (uid of 16 bytes) its length and the least of its key numbers.

        A pack ends with the group, or before the frame that would take it past `pack_bytes_max`.
        """
        self._blobs = blobs
        self._writer = writer
        self._measure = measure
        self._random = random
        self._pack_bytes_max = pack_bytes_max
        self._lock = threading.Lock()
        self._ahead: dict[bytes, deque[bytes]] = {}
        self._ahead_count: Counter[bytes] = Counter()
        # Packs whose transaction has not ended.
        self._written: dict[bytes, _Written] = {}
        self._closed = False

    def write_group(self, frames: Sequence[SealedFrame]) -> list[Location]:
        """Where each frame stands, in the order given; durable on return. Unavailable if that cannot be had."""
        locations: list[Location | None] = [None] * len(frames)
        begun: list[bytes] = []
        try:
            for vault, places in by_vault(frames).items():
                for batch in self._batches(places, frames):
                    begun.append(self._begin(vault))
                    self._write(vault, begun[-1], batch, frames, locations)
        except BaseException:
            with self._lock:
                for uid in begun:
                    del self._written[uid]
            raise
        return [location for location in locations if location is not None]

    def last_step(self, locations: Sequence[Location]) -> Callable[[Tx], object] | None:
        """Records the lengths of the packs of these frames."""
        with self._lock:
            written = {location.pack: self._written[location.pack] for location in locations}
        return partial(self._record, written) if written else None

    def discard(self, locations: Sequence[Location]) -> None:
        """The packs of these frames hold nothing else, and nobody will ever name them."""
        for vault, uid in {(self._written[location.pack].vault, location.pack) for location in locations}:
            # If that fails others find them: they are announced.
            with contextlib.suppress(HoldfastError):
                self._blobs.delete(pack_name(vault, uid))

    def settle(self, locations: Sequence[Location]) -> None:
        """The transaction about these frames has ended."""
        with self._lock:
            for uid in {location.pack for location in locations}:
                del self._written[uid]

    def is_open(self, vault: bytes, pack_uid: bytes) -> bool:
        """Whether the pack may still be begun, or its frames recorded; once False it stays so."""
        with self._lock:
            return pack_uid in self._written or pack_uid in self._ahead.get(vault, ())

    def turn_over(self, vault: bytes) -> None:
        """Nothing is to be closed: the next frame begins a new pack in any case."""

    def let_go(self) -> None:
        """Forget what was announced ahead: it belongs to a writer that has ended."""
        with self._lock:
            self._ahead.clear()
            self._ahead_count.clear()

    def close(self) -> None:
        """Later groups are refused with Unavailable."""
        self._closed = True

    def _record(self, written: dict[bytes, "_Written"], tx: Tx) -> None:
        for uid, pack in written.items():
            self._measure(tx, uid, pack.total_bytes, pack.key_number)

    def _batches(self, places: list[int], frames: Sequence[SealedFrame]) -> list[list[int]]:
        batches: list[list[int]] = []
        size = 0
        for place in places:
            frame_bytes = frames[place].frame_bytes
            if not batches or size + frame_bytes > self._pack_bytes_max:
                batches.append([])
                size = 0
            batches[-1].append(place)
            size += frame_bytes
        return batches

    def _begin(self, vault: bytes) -> bytes:
        """The uid of an announced pack that is this caller's from here on."""
        with self._lock:
            if self._closed:
                raise Unavailable("the store is stopping: try again when it is back")
            ahead = self._ahead.setdefault(vault, deque())
            if not ahead:
                # More and more at a time, as far as the vault is written to: a lone group announces one.
                count = min(max(1, 2 * self._ahead_count[vault]), _AHEAD_MAX)
                uids = [self._random(UID_BYTES) for _ in range(count)]
                self._writer.announce(vault, uids)
                self._ahead_count[vault] = count
                ahead.extend(uids)
            uid = ahead.popleft()
            self._written[uid] = _Written(vault, 0, 0)
            return uid

    def _write(
        self,
        vault: bytes,
        uid: bytes,
        batch: Sequence[int],
        frames: Sequence[SealedFrame],
        locations: list[Location | None],
    ) -> None:
        parts: list[Buffer] = [PackHeader(vault, uid).encode()]
        offset = len(parts[0])
        for place in batch:
            frame = frames[place]
            locations[place] = Location(uid, offset, frame.frame_bytes)
            parts += frame.parts
            offset += frame.frame_bytes
        self._blobs.put_new(pack_name(vault, uid), parts)
        key_number = min(_key_number(frames[place]) for place in batch)
        self._written[uid] = _Written(vault, offset, key_number)


class _Written(NamedTuple):
    vault: bytes
    total_bytes: int
    key_number: int


def _key_number(frame: SealedFrame) -> int:
    return decode_frame_header(memoryview(frame.parts[0])[:FRAME_HEADER_BYTES]).key_number
