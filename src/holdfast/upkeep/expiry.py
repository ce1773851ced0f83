"""Ends jobs that nobody touched within their lease, so that what they held is freed.

Callers see such a job as ended from the moment its lease is over; this makes it so in the catalog.
"""

from dataclasses import dataclass

from holdfast.catalog import backup_jobs, leases, restore_jobs
from holdfast.catalog.transaction import Tx
from holdfast.model.purpose import Purpose
from holdfast.upkeep.worker import Reader, Writes

_JOBS_PER_STEP = 20


@dataclass(frozen=True, slots=True)
class Expiry:
    """Ends overdue backup and restore jobs. A job that was touched in the meantime is found alive and left alone."""

    catalog: Reader
    writes: Writes

    def step(self, now_us: int) -> bool:
        """Ends up to twenty jobs of each kind."""
        with self.catalog.snapshot() as tx:
            backups = backup_jobs.overdue(tx, now_us, _JOBS_PER_STEP)
            restores = restore_jobs.overdue(tx, now_us, _JOBS_PER_STEP)
        if not backups and not restores:
            return False

        def end(tx: Tx, _: object) -> bool:
            ended = [leases.expire_backup_job(tx, uid, now_us) for uid in backups]
            ended += [leases.expire_restore_job(tx, uid, now_us) for uid in restores]
            return any(ended)

        return self.writes.submit((), end, purpose=Purpose.FREE)
