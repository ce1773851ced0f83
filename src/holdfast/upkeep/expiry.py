"""Ends jobs that nobody touched within their lease, so that what they held is freed.

Callers see such a job as ended from the moment its lease is over; this makes it so in the catalog. A clock that is set
must neither end jobs that are in use nor keep abandoned ones for years: where it has leapt forward since the last step,
every lease begins again, and so does one whose touch lies further ahead than the lease is long.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from holdfast.catalog import backup_jobs, leases, restore_jobs
from holdfast.catalog.transaction import Tx
from holdfast.model.purpose import Purpose
from holdfast.upkeep.worker import Reader, Writes

_JOBS_PER_STEP = 20
_LEAP_US = 60_000_000


@dataclass(slots=True)
class Expiry:
    """Ends overdue backup and restore jobs. A job that was touched in the meantime is found alive and left alone."""

    catalog: Reader
    writes: Writes
    monotonic: Callable[[], float] = time.monotonic
    _ahead_us: int | None = None
    """By how much the time of day was ahead of the clock that only goes forward, at the last step."""

    def step(self, now_us: int) -> bool:
        """Ends up to twenty jobs of each kind."""
        leapt = self._has_leapt(now_us)
        with self.catalog.snapshot() as tx:
            ahead = backup_jobs.ahead(tx, now_us, _JOBS_PER_STEP)
            ahead_restores = restore_jobs.ahead(tx, now_us, _JOBS_PER_STEP)
            backups = backup_jobs.overdue(tx, now_us, _JOBS_PER_STEP)
            restores = restore_jobs.overdue(tx, now_us, _JOBS_PER_STEP)
        if not (backups or restores or ahead or ahead_restores):
            return False

        def settle(tx: Tx, _: object) -> bool:
            if leapt:
                backup_jobs.touch_running(tx, now_us)
                restore_jobs.touch_running(tx, now_us)
                return True
            for number in ahead:
                backup_jobs.touch(tx, number, now_us)
            for number in ahead_restores:
                restore_jobs.touch(tx, number, now_us)
            ended = [leases.expire_backup_job(tx, uid, now_us) for uid in backups]
            ended += [leases.expire_restore_job(tx, uid, now_us) for uid in restores]
            return any(ended) or bool(ahead or ahead_restores)

        return self.writes.submit((), settle, purpose=Purpose.FREE)

    def _has_leapt(self, now_us: int) -> bool:
        before, self._ahead_us = self._ahead_us, now_us - int(self.monotonic() * 1e6)
        return before is not None and self._ahead_us - before > _LEAP_US
