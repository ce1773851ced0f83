"""Rows of recovery points, and what becomes of a series when one of them goes."""

from dataclasses import asdict, dataclass

from holdfast.catalog import sql
from holdfast.catalog.transaction import Tx

_SQL = sql.load("recovery_points")


@dataclass(frozen=True, slots=True)
class RecoveryPointRow:
    """A recovery point with its source, vault and the job that made it. Times in microseconds."""

    point_no: int
    uid: str
    series_no: int
    seq: int
    state: str
    object_count: int
    total_bytes: int
    created_us: int
    completed_us: int
    resource_arn: str
    vault_no: int
    vault_uid: bytes
    vault_name: str
    role_arn: str
    job_uid: str
    options: str
    encryption_key_arn: str | None


@dataclass(frozen=True, slots=True)
class NewRecoveryPoint:
    """What a commit leaves."""

    uid: str
    series_no: int
    seq: int
    job_no: int
    object_count: int
    total_bytes: int
    created_us: int
    completed_us: int


@dataclass(frozen=True, slots=True)
class RecoveryPointFilter:
    """Which recovery points a list shows: None lets everything through; times in microseconds, exclusive."""

    vault_no: int | None = None
    resource_arn: str | None = None
    resource_type: str | None = None
    created_after: int | None = None
    created_before: int | None = None


def insert(tx: Tx, point: NewRecoveryPoint, manifest_chunk_nos: list[int]) -> None:
    """A new kept recovery point with its sealed manifest."""
    tx.run(
        _SQL["insert"],
        {
            "uid": point.uid,
            "series_no": point.series_no,
            "seq": point.seq,
            "job_no": point.job_no,
            "object_count": point.object_count,
            "bytes": point.total_bytes,
            "created_us": point.created_us,
            "completed_us": point.completed_us,
        },
    )
    kept = find(tx, point.uid)
    assert kept is not None
    parts = [(kept.point_no, part, chunk_no) for part, chunk_no in enumerate(manifest_chunk_nos)]
    tx.insert("manifests", ("point_no", "part", "chunk_no"), parts)


def find(tx: Tx, uid: str) -> RecoveryPointRow | None:
    """The kept recovery point of that UUID, or None."""
    row = tx.one(f"{_SQL['select']} WHERE p.uid = :uid AND p.state = 'KEPT'", {"uid": uid})
    return RecoveryPointRow(*row) if row else None


def find_any(tx: Tx, uid: str) -> RecoveryPointRow | None:
    """The recovery point of that UUID in whatever state, or None."""
    row = tx.one(f"{_SQL['select']} WHERE p.uid = :uid", {"uid": uid})
    return RecoveryPointRow(*row) if row else None


def find_uid(tx: Tx, series_no: int, seq: int) -> str | None:
    """The UUID of the recovery point at `seq`, kept or not, or None."""
    row = tx.one(_SQL["find_by_seq"], {"series_no": series_no, "seq": seq})
    return str(row[0]) if row else None


def find_at(tx: Tx, series_no: int, seq: int) -> RecoveryPointRow | None:
    """The recovery point at `seq` (kept, or deleted while a job builds on it), or None."""
    row = tx.one(
        f"{_SQL['select']} WHERE p.series_no = :series_no AND p.seq = :seq", {"series_no": series_no, "seq": seq}
    )
    return RecoveryPointRow(*row) if row else None


def page(tx: Tx, chosen: RecoveryPointFilter, before_no: int, limit: int) -> list[RecoveryPointRow]:
    """Up to `limit` kept recovery points that the filter lets through, newest first, from below number `before_no`."""
    params = {**asdict(chosen), "before_no": before_no, "limit": limit}
    return [RecoveryPointRow(*row) for row in tx.all(f"{_SQL['select']} {_SQL['chosen']}", params)]


def delete(tx: Tx, point: RecoveryPointRow) -> bool:
    """Takes a kept recovery point away from every reader; False if it was gone. What it held is swept later."""
    if tx.run(_SQL["mark_deleted"], {"point_no": point.point_no}) == 0:
        return False
    settle(tx, point.series_no)
    return True


def bury(tx: Tx, series_no: int, seq: int) -> None:
    """Declares the seq of an aborted or expired job dead: none of its rows is in any view from now on."""
    tx.run(_SQL["insert_dead"], {"series_no": series_no, "seq": seq})
    settle(tx, series_no)


def settle(tx: Tx, series_no: int) -> None:
    """Declares deleted recovery points dead that are newer than every kept one and that no running job builds on.

    Must be called whenever a recovery point is deleted or a job ends: the next job then builds on the newest kept
    recovery point, as if the dead ones had never been.
    """
    key = {"series_no": series_no}
    newest = tx.one(_SQL["newest_seq"], key)
    floor = (newest[0] if newest else None) or 0
    for (base_seq,) in tx.all(_SQL["running_bases"], key):
        floor = max(floor, base_seq)
    tx.run(_SQL["bury_above"], {"series_no": series_no, "floor": floor})
