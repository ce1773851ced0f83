"""Reads every pack again and again, so that damage is found while it can still be healed.

The guarantee: while the service runs, every pack is read within the cycle (30 days by default). A pack becomes due when
three quarters of the cycle have passed since its date; what is due is read at a pace that needs a quarter of the cycle
for everything, so that nothing is read in bursts; what is past its cycle is read at once. The pace is kept on a clock
that only goes forward. Dates decide only what comes first: one that lies in the future (a clock was wrong) counts as
none. A date is set only when every frame of the pack has been read since.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from holdfast.catalog import damage, pack_checks
from holdfast.catalog.pack_checks import PackToCheck
from holdfast.catalog.transaction import Tx
from holdfast.model.errors import UnusableKey
from holdfast.model.limits import SCRUB_DAYS_DEFAULT
from holdfast.model.purpose import Purpose
from holdfast.upkeep.adding_parity import ParityKeeper
from holdfast.upkeep.checking import Checker
from holdfast.upkeep.pack_walk import PackWalk

_DAY_US = 24 * 3600 * 1_000_000
_PACE = 4
"""What is due is read within one part in so many of the cycle, and becomes due as long before its end."""
_FIRST_SECONDS_MAX = 600.0
_DEFERRED_SECONDS = 3600.0
_LOOK_SECONDS = 60.0


@dataclass(slots=True)
class ScrubFigures:
    """For whoever watches: times in seconds since 1970, 0 for none."""

    oldest_verification: float = 0.0
    packs_due: int = 0
    damaged_chunks: int = 0
    looks: int = 0
    """How often this process has looked."""


@dataclass(slots=True)
class Scrub:
    """The worker. One thread."""

    checker: Checker
    parity: ParityKeeper
    cycle_days: int = SCRUB_DAYS_DEFAULT
    monotonic: Callable[[], float] = time.monotonic
    figures: ScrubFigures = field(default_factory=ScrubFigures)
    _walk: PackWalk | None = None
    _paced_from: float | None = None
    _deferred: dict[int, float] = field(default_factory=dict)
    _known: int = 0
    _looked: float | None = None

    def step(self, now_us: int) -> bool:
        """Reads a few MiB of the pack that is due; False if none is."""
        if self._walk is None:
            self._walk = self._next(now_us)
            if self._walk is None:
                return False
        walk = self._walk
        try:
            walk.step(self.checker)
            if walk.done:
                self._finish(walk)
        except UnusableKey:
            # Others are not to wait for a key that may be away for long.
            self._deferred[walk.pack.pack_no] = self.monotonic() + _DEFERRED_SECONDS
            self._walk = None
            raise
        return True

    def _next(self, now_us: int) -> PackWalk | None:
        now = self.monotonic()
        self._deferred = {number: until for number, until in self._deferred.items() if until > now}
        limit = len(self._deferred) + 1
        with self.checker.catalog.snapshot() as tx:
            self._look(tx, now, now_us)
            oldest = self._first(pack_checks.dated(tx, now_us, limit))
            undated = self._first(pack_checks.undated(tx, now_us, limit))
        cycle_us = self.cycle_days * _DAY_US
        pace = cycle_us / 1_000_000 / _PACE / max(1, self._known)
        if self._paced_from is None:
            # A service that is started often gets on all the same.
            self._paced_from = now + min(pace, _FIRST_SECONDS_MAX) - pace
        age_us = now_us - oldest.verified_us if oldest else 0
        chosen: PackToCheck | None = None
        if oldest and age_us >= cycle_us:
            chosen = oldest
        elif now - self._paced_from >= pace:
            chosen = undated or (oldest if age_us >= cycle_us - cycle_us // _PACE else None)
        if chosen is None:
            return None
        self._paced_from = now
        return PackWalk(chosen, now_us)

    def _first(self, packs: Sequence[PackToCheck]) -> PackToCheck | None:
        return next((pack for pack in packs if pack.pack_no not in self._deferred), None)

    def _finish(self, walk: PackWalk) -> None:
        self.parity.attend(walk.pack)

        def note(tx: Tx, _: object) -> None:
            pack_checks.set_verified(tx, walk.pack, walk.begun_us)

        self.checker.commits.submit((), note, purpose=Purpose.FREE)
        self._walk = None

    def _look(self, tx: Tx, now: float, now_us: int) -> None:
        if self._looked is not None and now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        self._known = pack_checks.count(tx)
        oldest = pack_checks.oldest_date(tx)
        self.figures.oldest_verification = (oldest or 0) / 1_000_000
        self.figures.packs_due = pack_checks.count_due(tx, now_us - self.cycle_days * _DAY_US * (_PACE - 1) // _PACE)
        self.figures.damaged_chunks = damage.count_bad(tx)
        self.figures.looks += 1
