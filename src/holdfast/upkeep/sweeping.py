"""Removes from the catalog what aborted jobs and deleted recovery points leave behind, one short transaction a step."""

from dataclasses import dataclass, field

from holdfast.catalog import sweep
from holdfast.catalog.sweep import Batch
from holdfast.catalog.transaction import Tx
from holdfast.upkeep.worker import Reader, Writes


@dataclass(frozen=True, slots=True)
class Sweeping:
    """Each step is one batch of one of the sweeps of `catalog.sweep`, in their order."""

    catalog: Reader
    writes: Writes
    batch: Batch = field(default_factory=Batch)

    def step(self, now_us: int) -> bool:  # noqa: ARG002 - no time is a reason to sweep; workers look alike
        """Removes up to one batch; without work nothing is written."""
        with self.catalog.snapshot() as tx:
            if not sweep.pending(tx):
                return False

        def remove(tx: Tx, _: object) -> bool:
            return any(one(tx, self.batch) for one in sweep.SWEEPS)

        return self.writes.submit((), remove)
