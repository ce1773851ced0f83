"""Which job may go on, and how one ends that nobody commits.

Writers ask in the transaction that writes (`require_running`), readers in the snapshot that they read
(`require_readable`): between the answer and the use of it nothing can end the job. A reader cannot write in its
snapshot, so it is told when a touch is due and sends `renew` as a small write of its own.
"""

from dataclasses import dataclass

from holdfast.catalog import backup_jobs, records, recovery_points, restore_jobs
from holdfast.catalog.backup_jobs import BackupJobRow
from holdfast.catalog.objects import View
from holdfast.catalog.restore_jobs import RestoreJobRow
from holdfast.catalog.transaction import Tx
from holdfast.model import lease
from holdfast.model.arn import recovery_point_arn
from holdfast.model.errors import InvalidState, NotFound
from holdfast.model.job import BackupJobState, RestoreJobState

EXPIRED_MESSAGE = "nobody touched the job within its lease; what it had uploaded is given up"
UNUSED_MESSAGE = "ended by itself: nobody read from the job within its lease"
POINT_DELETED_MESSAGE = "the recovery point that the job reads was deleted"


@dataclass(frozen=True, slots=True)
class Readable:
    """What a StorageJobId stands for. `touch_due` asks for a `renew` after the read."""

    job_uid: str
    view: View
    vault_no: int
    vault_uid: bytes
    kind: str
    """'restore' (a recovery point) or 'backup' (the view of a job that runs)."""
    touch_due: bool


def backup_job(tx: Tx, job_uid: str) -> BackupJobRow:
    """The backup job of that id in whatever state. Raises NotFound."""
    job = backup_jobs.find(tx, job_uid)
    if job is None:
        raise NotFound(
            f"there is no backup job {job_uid[:80]!r}: start one with StartBackupJob and use its BackupJobId"
        )
    return job


def require_running(tx: Tx, job_uid: str, now_us: int) -> BackupJobRow:
    """The backup job of that id, which runs and may be written to; its lease is renewed when that is due.

    Raises NotFound for an id that no job has, InvalidState for a job that has ended or is being committed.
    """
    job = backup_job(tx, job_uid)
    if job.state is BackupJobState.COMMITTING:
        raise InvalidState(
            f"backup job {job.uid} is being committed: wait for the commit's answer, then start a new job"
        )
    if job.state is not BackupJobState.RUNNING:
        raise InvalidState(f"backup job {job.uid} is {job.state.wire}: start a new job with StartBackupJob")
    if is_over(job, now_us):
        raise InvalidState(f"backup job {job.uid} is EXPIRED ({EXPIRED_MESSAGE}): start a new job with StartBackupJob")
    if lease.touch_due(job.touched_us, job.lease_us, now_us):
        backup_jobs.touch(tx, job.job_no, now_us)
    return job


def require_readable(tx: Tx, storage_job_id: str, now_us: int) -> Readable:
    """What the reader with that StorageJobId sees: a recovery point, or the view of a backup job that has not ended.

    Raises NotFound for every other id, saying what to do.
    """
    restoring = restore_jobs.find(tx, storage_job_id)
    if restoring is not None:
        return _restore_view(restoring, now_us)
    writing = backup_jobs.find(tx, storage_job_id)
    if writing is not None:
        return _job_view(writing, now_us)
    raise NotFound(
        f"there is no storage job {storage_job_id[:80]!r}: use the RestoreJobId of StartRestoreJob, or the id of a"
        " backup job that runs"
    )


def renew(tx: Tx, storage_job_id: str, now_us: int) -> None:
    """Renews the lease of a restore or backup job if it still runs and a touch is due."""
    restoring = restore_jobs.find(tx, storage_job_id)
    if restoring is not None:
        if restoring.state is RestoreJobState.RUNNING and _due(restoring, now_us):
            restore_jobs.touch(tx, restoring.job_no, now_us)
        return
    writing = backup_jobs.find(tx, storage_job_id)
    if writing is not None and writing.state.is_live and _due(writing, now_us):
        backup_jobs.touch(tx, writing.job_no, now_us)


def is_over(job: BackupJobRow | RestoreJobRow, now_us: int) -> bool:
    """Whether the job's lease has ended."""
    return lease.is_over(job.touched_us, job.lease_us, now_us)


def abandon(tx: Tx, job: BackupJobRow, state: BackupJobState, message: str, now_us: int) -> bool:
    """Ends a backup job without a recovery point (ABORTED or EXPIRED); False if it had ended already.

    Its rows are in no view from then on and are swept later.
    """
    if not backup_jobs.move(tx, job.job_no, state, message, now_us):
        return False
    recovery_points.bury(tx, job.series_no, job.seq)
    if job.edition:
        # A commit was begun: its whole manifest may lie in a pack, and must not be taken for a recovery point.
        records.owe_deletion(tx, job.vault_no, job.point_uid, job.resource_arn, job.seq, now_us)
    return True


def expire_backup_job(tx: Tx, job_uid: str, now_us: int) -> bool:
    """Moves the job to EXPIRED if it still runs and its lease is over; whether it did."""
    job = backup_jobs.find(tx, job_uid)
    if job is None or not job.state.is_live or not is_over(job, now_us):
        return False
    return abandon(tx, job, BackupJobState.EXPIRED, EXPIRED_MESSAGE, now_us)


def expire_restore_job(tx: Tx, job_uid: str, now_us: int) -> bool:
    """Ends the restore job if it still runs and its lease is over; whether it did."""
    job = restore_jobs.find(tx, job_uid)
    if job is None or not is_over(job, now_us):
        return False
    return restore_jobs.move(tx, job.job_no, RestoreJobState.COMPLETED, UNUSED_MESSAGE, now_us)


def _due(job: BackupJobRow | RestoreJobRow, now_us: int) -> bool:
    return not is_over(job, now_us) and lease.touch_due(job.touched_us, job.lease_us, now_us)


def _restore_view(job: RestoreJobRow, now_us: int) -> Readable:
    if job.point_state != "KEPT":
        raise NotFound(
            f"the recovery point {recovery_point_arn(job.point_uid)} of restore job {job.uid} was deleted: start a"
            " restore job of another one"
        )
    again = f"start another with StartRestoreJob of {recovery_point_arn(job.point_uid)}"
    if job.state is not RestoreJobState.RUNNING:
        raise NotFound(f"restore job {job.uid} is {job.state.value} and can no longer be read from: {again}")
    if is_over(job, now_us):
        raise NotFound(f"restore job {job.uid} has ended: nobody read from it within its lease; {again}")
    return Readable(
        job_uid=job.uid,
        view=View(job.series_no, job.seq),
        vault_no=job.vault_no,
        vault_uid=job.vault_uid,
        kind="restore",
        touch_due=lease.touch_due(job.touched_us, job.lease_us, now_us),
    )


def _job_view(job: BackupJobRow, now_us: int) -> Readable:
    if job.state is BackupJobState.COMPLETED:
        raise NotFound(
            f"backup job {job.uid} is COMPLETED: read what it backed up through a restore job, StartRestoreJob of"
            f" {recovery_point_arn(job.point_uid)}"
        )
    if not job.state.is_live or is_over(job, now_us):
        state = "EXPIRED" if job.state.is_live else job.state.wire
        raise NotFound(f"backup job {job.uid} is {state} and what it had uploaded is given up: start a new job")
    return Readable(
        job_uid=job.uid,
        view=View(job.series_no, job.base_seq, own=job.seq, job_no=job.job_no),
        vault_no=job.vault_no,
        vault_uid=job.vault_uid,
        kind="backup",
        touch_due=lease.touch_due(job.touched_us, job.lease_us, now_us),
    )
