"""Rows of backup jobs and of the series that they extend."""

from dataclasses import asdict, dataclass

from holdfast.catalog import sql
from holdfast.catalog.transaction import Params, Tx
from holdfast.model.arn import resource_type
from holdfast.model.job import BackupJobState

_SQL = sql.load("backup_jobs")


@dataclass(frozen=True, slots=True)
class BackupJobRow:
    """A backup job with its source and vault. Times in microseconds; `base_seq` is 0 for a job without base."""

    job_no: int
    uid: str
    series_no: int
    seq: int
    base_seq: int
    point_uid: str
    state: BackupJobState
    message: str | None
    role_arn: str
    options: str
    created_us: int
    touched_us: int
    lease_us: int
    finished_us: int | None
    resource_arn: str
    vault_no: int
    vault_uid: bytes
    vault_name: str
    total_bytes: int | None
    object_count: int | None
    edition: int = 0
    """How many commits of the job were begun."""

    @property
    def expires_us(self) -> int:
        """When the lease ends if nobody touches the job."""
        return self.touched_us + self.lease_us


@dataclass(frozen=True, slots=True)
class NewBackupJob:
    """What a caller decides about a new job; the catalog gives it number, seq and base."""

    uid: str
    point_uid: str
    vault_no: int
    resource_arn: str
    role_arn: str
    idempotency_token: str | None
    options: str
    now_us: int
    lease_us: int


@dataclass(frozen=True, slots=True)
class BackupJobFilter:
    """Which jobs a list shows: None lets everything through; times in microseconds, exclusive.

    `state` is AWS Backup's name of it; at `now_us` a job whose lease is over counts as EXPIRED.
    """

    now_us: int
    state: str | None = None
    vault_name: str | None = None
    resource_arn: str | None = None
    resource_type: str | None = None
    created_after: int | None = None
    created_before: int | None = None
    finished_after: int | None = None
    finished_before: int | None = None


def start(tx: Tx, job: NewBackupJob) -> None:
    """A new RUNNING job on the newest kept recovery point of its series. One row, whatever the size of the base.

    The series must have no running job.
    """
    series_no = _series(tx, job.vault_no, job.resource_arn)
    tx.run(_SQL["take_seq"], {"series_no": series_no})
    found = tx.one(_SQL["find_series"], {"vault_no": job.vault_no, "resource_arn": job.resource_arn})
    newest = tx.one(_SQL["newest_kept"], {"series_no": series_no})
    assert found is not None
    assert newest is not None
    tx.run(
        _SQL["insert"],
        {
            "uid": job.uid,
            "series_no": series_no,
            "seq": found[1],
            "base_seq": newest[0] or 0,
            "point_uid": job.point_uid,
            "role_arn": job.role_arn,
            "idempotency_token": job.idempotency_token,
            "options": job.options,
            "now_us": job.now_us,
            "lease_us": job.lease_us,
        },
    )


def find(tx: Tx, uid: str) -> BackupJobRow | None:
    """The job of that id, or None."""
    return _one(tx, "WHERE j.uid = :uid", {"uid": uid})


def find_by_token(tx: Tx, idempotency_token: str) -> BackupJobRow | None:
    """The job that was started with that idempotency token, or None."""
    return _one(tx, "WHERE j.idempotency_token = :token", {"token": idempotency_token})


def find_running(tx: Tx, vault_no: int, resource_arn: str) -> BackupJobRow | None:
    """The job that runs for this source into this vault, or None."""
    return _one(
        tx,
        "WHERE s.vault_no = :vault_no AND s.resource_arn = :resource_arn AND j.state IN ('RUNNING', 'COMMITTING')",
        {"vault_no": vault_no, "resource_arn": resource_arn},
    )


def page(tx: Tx, chosen: BackupJobFilter, before_no: int, limit: int) -> list[BackupJobRow]:
    """Up to `limit` jobs that the filter lets through, newest first, from below number `before_no`."""
    params = {**asdict(chosen), "before_no": before_no, "limit": limit}
    return [_row(row) for row in tx.all(f"{_SQL['select']} {_SQL['chosen']}", params)]


def touch(tx: Tx, job_no: int, now_us: int) -> None:
    """Renews the job's lease."""
    tx.run(_SQL["touch"], {"job_no": job_no, "now_us": now_us})


def move(tx: Tx, job_no: int, state: BackupJobState, message: str | None, finished_us: int | None) -> bool:
    """Moves a job that still runs to `state`; False if it no longer ran."""
    params = {"job_no": job_no, "state": state.value, "message": message, "finished_us": finished_us}
    return tx.run(_SQL["move"], params) == 1


def live(tx: Tx, limit: int) -> list[BackupJobRow]:
    """Up to `limit` jobs that have not ended, those that were started first first."""
    return [_row(row) for row in tx.all(f"{_SQL['select']} {_SQL['live']}", {"limit": limit})]


def put_so_far(tx: Tx, job: BackupJobRow, limit: int) -> int:
    """Bytes of contents that a job has put, in up to `limit` objects and chunks of open uploads each."""
    row = tx.one(_SQL["put_so_far"], {"series_no": job.series_no, "seq": job.seq, "job_no": job.job_no, "limit": limit})
    return int(row[0]) if row else 0


def ahead(tx: Tx, now_us: int, limit: int) -> list[int]:
    """Numbers of running jobs whose last touch lies further ahead than their lease is long."""
    return [int(row[0]) for row in tx.all(_SQL["ahead"], {"now_us": now_us, "limit": limit})]


def touch_running(tx: Tx, now_us: int) -> None:
    """Begins the leases of all running jobs again."""
    tx.run(_SQL["touch_running"], {"now_us": now_us})


def overdue(tx: Tx, now_us: int, limit: int) -> list[str]:
    """Ids of running jobs whose lease has ended."""
    return [str(row[0]) for row in tx.all(_SQL["overdue"], {"now_us": now_us, "limit": limit})]


def drop_deletions(tx: Tx, job_no: int) -> None:
    """Forgets the names that the job removed; for a job that has ended."""
    tx.run(_SQL["drop_deletions"], {"job_no": job_no})


def _series(tx: Tx, vault_no: int, resource_arn: str) -> int:
    key = {"vault_no": vault_no, "resource_arn": resource_arn}
    row = tx.one(_SQL["find_series"], key)
    if row is None:
        tx.run(_SQL["insert_series"], {**key, "resource_type": resource_type(resource_arn)})
        row = tx.one(_SQL["find_series"], key)
        assert row is not None
    return int(row[0])


def _one(tx: Tx, where: str, params: Params) -> BackupJobRow | None:
    row = tx.one(f"{_SQL['select']} {where}", params)
    return _row(row) if row else None


def _row(row: tuple[object, ...]) -> BackupJobRow:
    values = list(row)
    values[6] = BackupJobState(values[6])
    return BackupJobRow(*values)  # type: ignore[arg-type]  # the statement's columns are the fields, in order
