"""Measures the packs that this process has filled, where several processes fill packs that grow.

Whether a growing pack is closed is known to nobody but its writer, and the collector's chore is one process's at a
time: without this, packs of the others would stay unmeasured, and so uncollected, for as long as those live. It removes
nothing, so that it is no part of a chore; and of a pack that others have measured meanwhile, because they took this
process for dead, nothing changes.
"""

import time

from holdfast.catalog import packs
from holdfast.catalog.packs import UnmeasuredPack
from holdfast.upkeep.gain import Gain
from holdfast.upkeep.survey import Survey

_LOOK_SECONDS = 60.0
_PACKS_PER_PAGE = 64


class OwnPacks(Survey):
    """As `Survey`, for this writer's packs and no others; those that are open are looked at once a minute."""

    _look_at = 0.0

    def step(self, now_us: int) -> Gain | None:
        """Measures up to sixteen packs. Raises Unavailable where a file's length cannot be had."""
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _LOOK_SECONDS
            self.suspect(self._own())
        return super().step(now_us)

    def _is_closed(self, pack: UnmeasuredPack) -> bool:
        return pack.writer_no == self._writer.number and super()._is_closed(pack)

    def _own(self) -> set[int]:
        own: set[int] = set()
        after: int | None = 0
        while after is not None:
            with self._catalog.snapshot() as tx:
                found = packs.unmeasured(tx, after, _PACKS_PER_PAGE)
            own |= {pack.pack_no for pack in found if pack.writer_no == self._writer.number}
            after = found[-1].pack_no if len(found) == _PACKS_PER_PAGE else None
        return own
