"""Rows of restore jobs."""

from dataclasses import asdict, dataclass

from holdfast.catalog import sql
from holdfast.catalog.transaction import Params, Tx
from holdfast.model.job import RestoreJobState

_SQL = sql.load("restore_jobs")


@dataclass(frozen=True, slots=True)
class RestoreJobRow:
    """A restore job with the recovery point that it reads. Times in microseconds."""

    job_no: int
    uid: str
    point_no: int
    point_uid: str
    state: RestoreJobState
    message: str | None
    role_arn: str | None
    resource_type: str | None
    metadata: str
    created_us: int
    touched_us: int
    lease_us: int
    finished_us: int | None
    series_no: int
    seq: int
    point_state: str
    total_bytes: int
    resource_arn: str
    vault_no: int
    vault_uid: bytes
    vault_name: str

    @property
    def expires_us(self) -> int:
        """When the lease ends if nobody touches the job."""
        return self.touched_us + self.lease_us


@dataclass(frozen=True, slots=True)
class NewRestoreJob:
    """What a caller decides about a new restore job."""

    uid: str
    point_no: int
    point_uid: str
    role_arn: str | None
    resource_type: str | None
    metadata: str
    idempotency_token: str | None
    now_us: int
    lease_us: int


@dataclass(frozen=True, slots=True)
class RestoreJobFilter:
    """Which jobs a list shows: None lets everything through; times in microseconds, exclusive.

    At `now_us` a job whose lease is over counts as COMPLETED.
    """

    now_us: int
    state: str | None = None
    resource_type: str | None = None
    created_after: int | None = None
    created_before: int | None = None
    finished_after: int | None = None
    finished_before: int | None = None


def insert(tx: Tx, job: NewRestoreJob) -> None:
    """A new RUNNING restore job."""
    tx.run(
        _SQL["insert"],
        {
            "uid": job.uid,
            "point_no": job.point_no,
            "point_uid": job.point_uid,
            "role_arn": job.role_arn,
            "resource_type": job.resource_type,
            "metadata": job.metadata,
            "idempotency_token": job.idempotency_token,
            "now_us": job.now_us,
            "lease_us": job.lease_us,
        },
    )


def find(tx: Tx, uid: str) -> RestoreJobRow | None:
    """The restore job of that id, or None."""
    return _one(tx, "WHERE r.uid = :uid", {"uid": uid})


def find_by_token(tx: Tx, idempotency_token: str) -> RestoreJobRow | None:
    """The restore job that was started with that idempotency token, or None."""
    return _one(tx, "WHERE r.idempotency_token = :token", {"token": idempotency_token})


def page(tx: Tx, chosen: RestoreJobFilter, before_no: int, limit: int) -> list[RestoreJobRow]:
    """Up to `limit` jobs that the filter lets through, newest first, from below number `before_no`."""
    params = {**asdict(chosen), "before_no": before_no, "limit": limit}
    return [_row(row) for row in tx.all(f"{_SQL['select']} {_SQL['chosen']}", params)]


def fail_readers(tx: Tx, point_no: int, message: str, now_us: int) -> None:
    """Ends, as FAILED, every restore job that still reads the recovery point."""
    tx.run(_SQL["fail_readers"], {"point_no": point_no, "message": message, "now_us": now_us})


def touch(tx: Tx, job_no: int, now_us: int) -> None:
    """Renews the job's lease."""
    tx.run(_SQL["touch"], {"job_no": job_no, "now_us": now_us})


def move(tx: Tx, job_no: int, state: RestoreJobState, message: str | None, finished_us: int) -> bool:
    """Ends a running job; False if it had ended."""
    params = {"job_no": job_no, "state": state.value, "message": message, "finished_us": finished_us}
    return tx.run(_SQL["move"], params) == 1


def ahead(tx: Tx, now_us: int, limit: int) -> list[int]:
    """Numbers of running jobs whose last touch lies further ahead than their lease is long."""
    return [int(row[0]) for row in tx.all(_SQL["ahead"], {"now_us": now_us, "limit": limit})]


def touch_running(tx: Tx, now_us: int) -> None:
    """Begins the leases of all running jobs again."""
    tx.run(_SQL["touch_running"], {"now_us": now_us})


def overdue(tx: Tx, now_us: int, limit: int) -> list[str]:
    """Ids of running restore jobs whose lease has ended."""
    return [str(row[0]) for row in tx.all(_SQL["overdue"], {"now_us": now_us, "limit": limit})]


def _one(tx: Tx, where: str, params: Params) -> RestoreJobRow | None:
    row = tx.one(f"{_SQL['select']} {where}", params)
    return _row(row) if row else None


def _row(row: tuple[object, ...]) -> RestoreJobRow:
    values = list(row)
    values[4] = RestoreJobState(values[4])
    return RestoreJobRow(*values)  # type: ignore[arg-type]  # the statement's columns are the fields, in order
