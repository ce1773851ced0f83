"""Removes from the catalog what aborted jobs and deleted recovery points leave behind, one short transaction a step."""

from dataclasses import dataclass, field

from holdfast.catalog import holds, sweep
from holdfast.catalog.sweep import Batch
from holdfast.catalog.transaction import Tx
from holdfast.model.purpose import Purpose
from holdfast.upkeep.gain import Gain
from holdfast.upkeep.worker import Reader, Writes


@dataclass(frozen=True, slots=True)
class Sweeping:
    """Each step is one batch of one of the sweeps of `catalog.sweep`, in their order."""

    catalog: Reader
    writes: Writes
    batch: Batch = field(default_factory=Batch)

    def step(self, now_us: int) -> Gain | None:  # noqa: ARG002 - no time is a reason to sweep; workers look alike
        """Removes up to one batch; without work nothing is written."""
        with self.catalog.snapshot() as tx:
            if holds.standing(tx) or not sweep.pending(tx):
                return None

        def remove(tx: Tx, _: object) -> Gain | None:
            for one in sweep.SWEEPS:
                swept = one(tx, self.batch)
                if swept is not None:
                    return Gain(swept_objects=swept.objects)
            return None

        return self.writes.submit((), remove, purpose=Purpose.FREE)
