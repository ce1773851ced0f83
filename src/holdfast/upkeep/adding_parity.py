"""Gives packs their parity, sees that it stays whole, and removes what belongs to no pack any more.

A parity blob is durable before the catalog says that it is there, and a pack's row goes before its parity does; so what
a crash leaves over is a blob that no row mentions, which is made again or removed.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from holdfast.catalog import pack_checks
from holdfast.catalog.pack_checks import PackToCheck
from holdfast.catalog.transaction import Tx
from holdfast.chunks.parity import Parity
from holdfast.model.errors import Damaged
from holdfast.upkeep.worker import Reader, Writes

_DEFERRED_SECONDS = 3600.0
_PACKS_PER_LOOK = 20


@dataclass(frozen=True, slots=True)
class ParityKeeper:
    """Makes and renews the parity of single packs."""

    catalog: Reader
    commits: Writes
    parity: Parity

    def add(self, pack: PackToCheck, percent: int) -> bool:
        """Makes the parity of a measured pack; False if the pack was gone by the time it was made.

        Raises Damaged where the pack cannot be read as a whole.
        """
        assert pack.size is not None
        self.parity.make(pack.vault, pack.uid, pack.size, percent)

        def note(tx: Tx, _: object) -> bool:
            return pack_checks.set_parity(tx, pack, percent)

        if self.commits.submit((), note):
            return True
        self.parity.delete(pack.vault, pack.uid)
        return False

    def attend(self, pack: PackToCheck) -> bool:
        """Reads the parity that a pack has and makes it anew if it is damaged or missing; whether it was.

        A pack that is itself damaged keeps what there is of its parity.
        """
        if not pack.parity_percent or pack.size is None:
            return False
        if self.parity.is_sound(pack.vault, pack.uid, pack.size):
            return False
        try:
            return self.add(pack, pack.parity_percent)
        except Damaged:
            return False

    def remove_orphans(self) -> int:
        """Removes parity blobs of packs that there are no more; how many that were."""
        removed = 0
        for vault, uid in self.parity.all_packs():
            with self.catalog.snapshot() as tx:
                known = pack_checks.find(tx, uid) is not None
            if not known:
                self.parity.delete(vault, uid)
                removed += 1
        return removed


@dataclass(slots=True)
class AddingParity:
    """The worker: one pack a step. With `percent` 0 it only clears away, once, where listing blobs costs little."""

    keeper: ParityKeeper
    percent: int
    monotonic: Callable[[], float] = time.monotonic
    clears: bool = True
    _cleared: bool = False
    _deferred: dict[int, float] = field(default_factory=dict)

    def step(self, now_us: int) -> bool:  # noqa: ARG002 - no time is a reason to add parity; workers look alike
        """Gives one pack its parity; False if all have it."""
        if self.clears and not self._cleared:
            self.keeper.remove_orphans()
            self._cleared = True
        if not self.percent:
            return False
        pack = self._next()
        if pack is None:
            return False
        try:
            self.keeper.add(pack, self.percent)
        except BaseException:
            # A pack that cannot be read must not keep the others from their parity.
            self._deferred[pack.pack_no] = self.monotonic() + _DEFERRED_SECONDS
            raise
        return True

    def _next(self) -> PackToCheck | None:
        now = self.monotonic()
        self._deferred = {number: until for number, until in self._deferred.items() if until > now}
        after = 0
        while True:
            with self.keeper.catalog.snapshot() as tx:
                page = pack_checks.without_parity(tx, after, _PACKS_PER_LOOK)
            for pack in page:
                if pack.pack_no not in self._deferred and pack.size:
                    return pack
            if len(page) < _PACKS_PER_LOOK:
                return None
            after = page[-1].pack_no
