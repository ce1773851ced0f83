"""Deletes condemned chunks that nothing refers to; what they cost is told to their packs in the same transaction."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from holdfast.catalog import collect, holds
from holdfast.catalog.transaction import Tx
from holdfast.model.purpose import Purpose
from holdfast.upkeep.gain import Gain
from holdfast.upkeep.worker import Reader, Writes

CHUNKS_PER_STEP = 1000


@dataclass(frozen=True, slots=True)
class Collector:
    """Each step looks at a batch of condemned chunks. Its cost follows what was deleted, not what is kept."""

    catalog: Reader
    writes: Writes
    lost_frames: Callable[[AbstractSet[int]], None] = lambda _: None
    """Told the numbers of packs without a length that lost frames (upkeep.survey)."""
    chunks_per_step: int = CHUNKS_PER_STEP

    def step(self, now_us: int) -> Gain | None:  # noqa: ARG002 - no time is a reason to collect; workers look alike
        """Looks at up to one batch; without work nothing is written."""
        with self.catalog.snapshot() as tx:
            if holds.standing(tx) or not collect.pending(tx):
                return None

        def remove(tx: Tx, _: object) -> collect.Collected:
            return collect.collect(tx, self.chunks_per_step)

        collected = self.writes.submit((), remove, purpose=Purpose.FREE)
        if collected.unmeasured:
            self.lost_frames(collected.unmeasured)
        return Gain(deleted_chunks=collected.chunks)
