"""Removes packs that hold nothing alive: first from the catalog, then the file, then what is left to say about it.

What is always true here: no row of chunks names a pack whose file is removed, and every file has a row until it is
gone. A crash leaves a row in `doomed_packs` and perhaps the file; both are worked off at the next step.
"""

import contextlib
from dataclasses import dataclass

from holdfast.blobs.port import BlobStore
from holdfast.catalog import holds, packs
from holdfast.catalog.packs import DoomedPack
from holdfast.catalog.transaction import Tx
from holdfast.chunks.packs import pack_name
from holdfast.chunks.parity import parity_name
from holdfast.model.errors import NotFound
from holdfast.model.purpose import Purpose
from holdfast.upkeep.gain import Gain
from holdfast.upkeep.worker import Reader, Writes

_PACKS_PER_STEP = 16
_LATE_US = 24 * 3600 * 1_000_000


@dataclass(frozen=True, slots=True)
class Doom:
    """Each step removes up to sixteen packs."""

    catalog: Reader
    writes: Writes
    blobs: BlobStore

    def step(self, now_us: int) -> Gain | None:
        """Removes files that were doomed before, or else dooms empty packs and removes them."""
        with self.catalog.snapshot() as tx:
            if holds.standing(tx):
                return None
            doomed = packs.doomed(tx, _PACKS_PER_STEP)
            empty = [] if doomed else packs.empty(tx, _PACKS_PER_STEP)
        if empty:

            def let_go(tx: Tx, _: object) -> list[DoomedPack]:
                return [DoomedPack(pack.uid, pack.vault_uid) for pack in empty if packs.doom(tx, pack.pack_no, now_us)]

            doomed = self.writes.submit((), let_go, purpose=Purpose.FREE)
        if not doomed:
            return self._remove_late(now_us)
        freed = sum([self._remove(pack) for pack in doomed])
        self.writes.submit(
            (), lambda tx, _: packs.forget_doomed(tx, [pack.uid for pack in doomed]), purpose=Purpose.FREE
        )
        return Gain(freed_bytes=freed, removed_packs=len(doomed))

    def _remove_late(self, now_us: int) -> Gain | None:
        """Once more removes what was not there when it was removed, a day later: no argument rests on the time."""
        with self.catalog.snapshot() as tx:
            late = packs.late(tx, now_us - _LATE_US, now_us + _LATE_US, _PACKS_PER_STEP)
        if not late:
            return None
        freed = sum([self._remove(pack) for pack in late])
        self.writes.submit((), lambda tx, _: packs.forget_late(tx, [pack.uid for pack in late]), purpose=Purpose.FREE)
        return Gain(freed_bytes=freed)

    def _remove(self, pack: DoomedPack) -> int:
        freed = 0
        for name in (pack_name(pack.vault_uid, pack.uid), parity_name(pack.vault_uid, pack.uid)):
            # Gone before a crash, or never made? It is removed all the same, which makes its absence durable.
            with contextlib.suppress(NotFound):
                freed += self.blobs.size(name)
            self.blobs.delete(name)
        return freed
