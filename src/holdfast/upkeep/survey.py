"""Measures packs that nobody appends to any more, and closes open ones that have come to be mostly dead.

A pack's length is known only when its last writer is through with it: closed and full, or left behind by a process that
ended. What is always true here: a pack is measured in a transaction that comes after every transaction with frames in
it. Frames are written and recorded by one thread, group after group; a pack that was found closed takes no frames from
then on, so all that it took belong to groups before this one.
"""

import threading
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol

from holdfast.blobs.port import BlobStore
from holdfast.catalog import holds, packs
from holdfast.catalog.packs import UnmeasuredPack
from holdfast.catalog.transaction import Tx
from holdfast.chunks.packs import pack_name
from holdfast.model.errors import NotFound
from holdfast.model.limits import MIB
from holdfast.model.purpose import Purpose
from holdfast.packfile.layout import PACK_HEADER_BYTES
from holdfast.upkeep.fenced import Numbered
from holdfast.upkeep.gain import Gain
from holdfast.upkeep.worker import Reader, Writes

_PACKS_PER_PAGE = 64
_PACKS_PER_STEP = 16
_DEAD_BYTES_MIN = 1 * MIB
_DEAD_PERCENT_MIN = 10


class OpenPacks(Protocol):
    """The packs that this process appends to (chunks.packs.PackSet)."""

    def is_open(self, vault: bytes, pack_uid: bytes) -> bool: ...

    def turn_over(self, vault: bytes) -> None: ...


class Survey:
    """Gives packs their length and the count of their dead bytes, up to sixteen a step. Safe for many threads."""

    def __init__(
        self,
        catalog: Reader,
        writes: Writes,
        blobs: BlobStore,
        open_packs: OpenPacks,
        writer: Numbered,
        *,
        dead_bytes_min: int = _DEAD_BYTES_MIN,
    ) -> None:
        """An open pack is closed once `dead_bytes_min` and a tenth of it are dead, and it was told to `suspect`."""
        self._catalog = catalog
        self._writes = writes
        self._blobs = blobs
        self._open_packs = open_packs
        self._writer = writer
        self._dead_bytes_min = dead_bytes_min
        self._suspects: set[int] = set()
        self._lock = threading.Lock()

    def suspect(self, pack_nos: AbstractSet[int]) -> None:
        """These packs lost frames: those that are open may not be worth filling."""
        with self._lock:
            self._suspects |= pack_nos

    def step(self, now_us: int) -> Gain | None:  # noqa: ARG002 - no time is a reason to measure; workers look alike
        """Measures up to sixteen packs. Raises Unavailable where a file's length cannot be had; nothing is guessed."""
        self._close_wasteful()
        after = 0
        while True:
            with self._catalog.snapshot() as tx:
                if holds.standing(tx):
                    return None
                found = packs.unmeasured(tx, after, _PACKS_PER_PAGE)
            closed = [pack for pack in found if self._is_closed(pack)]
            if closed:
                return self._measure(closed[:_PACKS_PER_STEP])
            if len(found) < _PACKS_PER_PAGE:
                return None
            after = found[-1].pack_no

    def unmeasured_bytes(self) -> int:
        """The length, as of now, of all packs that are not measured yet."""
        total, after = 0, 0
        while True:
            with self._catalog.snapshot() as tx:
                found = packs.unmeasured(tx, after, _PACKS_PER_PAGE)
            total += sum(map(self._size, found))
            if len(found) < _PACKS_PER_PAGE:
                return total
            after = found[-1].pack_no

    def _is_closed(self, pack: UnmeasuredPack) -> bool:
        if pack.writer_no == self._writer.number:
            return not self._open_packs.is_open(pack.vault_uid, pack.uid)
        return not pack.writer_lives

    def _measure(self, closed: Sequence[UnmeasuredPack]) -> Gain:
        # Asked after the pack was found closed: what is appended later cannot be missing from it.
        sizes = [(pack.pack_no, self._size(pack)) for pack in closed]

        def note(tx: Tx, _: object) -> None:
            for pack_no, total_bytes in sizes:
                packs.measure(tx, pack_no, total_bytes)

        self._writes.submit((), note, purpose=Purpose.FREE)
        return Gain()

    def _close_wasteful(self) -> None:
        with self._lock:
            suspects, self._suspects = self._suspects, set()
        if not suspects:
            return
        with self._catalog.snapshot() as tx:
            found = [pack for pack_no in suspects for pack in packs.unmeasured(tx, pack_no - 1, 1)]
            looked_at = [(pack, packs.live_bytes(tx, pack.pack_no)) for pack in found if pack.pack_no in suspects]
        for pack, live_bytes in looked_at:
            if pack.writer_no != self._writer.number or not self._open_packs.is_open(pack.vault_uid, pack.uid):
                continue
            size = self._size(pack)
            # Frames whose rows are still on their way count as dead here; the worst of it is a pack closed early.
            dead_bytes = size - PACK_HEADER_BYTES - live_bytes
            if dead_bytes >= self._dead_bytes_min and dead_bytes * 100 >= size * _DEAD_PERCENT_MIN:
                self._open_packs.turn_over(pack.vault_uid)

    def _size(self, pack: UnmeasuredPack) -> int:
        try:
            return self._blobs.size(pack_name(pack.vault_uid, pack.uid))
        except NotFound:
            # Registered and never made, or removed again because its first frames failed.
            return 0
