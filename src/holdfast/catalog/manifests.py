"""Rows of manifests: which sealed parts say what a recovery point is, and which are being written.

A part that is durable before its manifest is whole is a *draft*: a row refers to it, so that it is not collected. The
last part comes with the transaction that makes the manifest count, and is never a draft. What is always true here: the
drafts of a job are of one edition, its latest.
"""

from collections.abc import Sequence

from holdfast.catalog import condemned, sql
from holdfast.catalog.transaction import Tx
from holdfast.model.errors import Transient

_SQL = sql.load("manifests")


def begin(tx: Tx, job_no: int) -> int:
    """The edition of a manifest that is about to be written; drafts of an earlier one are given up."""
    drop_drafts(tx, job_no)
    row = tx.one(_SQL["next_edition"], {"job_no": job_no})
    assert row is not None
    return int(row[0])


def require_edition(tx: Tx, job_no: int, edition: int) -> None:
    """Raises Transient if a later edition of the job's manifest was begun; who asks again finds what became of it."""
    row = tx.one(_SQL["edition"], {"job_no": job_no})
    if row is None or row[0] != edition:
        raise Transient("the manifest of this recovery point was begun anew by another request: ask again")


def add_draft(tx: Tx, job_no: int, part: int, chunk_no: int) -> None:
    """Refers to a part of the edition that is being written."""
    tx.run(_SQL["insert_draft"], {"job_no": job_no, "part": part, "chunk_no": chunk_no})


def take_drafts(tx: Tx, job_no: int) -> list[int]:
    """The chunk numbers of the drafts in order of parts; whoever takes them refers to them in this transaction."""
    chunk_nos = _numbers(tx, "drafts", job_no=job_no)
    tx.run(_SQL["drop_drafts"], {"job_no": job_no})
    return chunk_nos


def drop_drafts(tx: Tx, job_no: int) -> None:
    """Gives up what was written of a manifest that will not be finished."""
    condemned.condemn(tx, take_drafts(tx, job_no))


def has_stale_drafts(tx: Tx) -> bool:
    """Whether there are drafts of jobs that have ended; reads only."""
    return bool(tx.all(_SQL["jobs_with_drafts"]))


def drop_stale_drafts(tx: Tx) -> None:
    """Gives up the drafts of all jobs that have ended; for a process that has just begun and writes no manifest."""
    for (job_no,) in tx.all(_SQL["jobs_with_drafts"]):
        drop_drafts(tx, job_no)


def frame_ids(tx: Tx, point_no: int) -> list[bytes]:
    """The frame ids of the recovery point's manifest, in order of parts."""
    return [row[0] for row in tx.all(_SQL["frame_ids"], {"point_no": point_no})]


def replace(tx: Tx, point_no: int, chunk_nos: Sequence[int]) -> None:
    """Other parts are the manifest of the recovery point from now on."""
    former = _numbers(tx, "parts", point_no=point_no)
    tx.run(_SQL["drop_parts"], {"point_no": point_no})
    tx.insert(
        "manifests",
        ("point_no", "part", "chunk_no"),
        [(point_no, part, chunk_no) for part, chunk_no in enumerate(chunk_nos)],
    )
    condemned.condemn(tx, sorted(set(former).difference(chunk_nos)))


def _numbers(tx: Tx, statement: str, **key: int) -> list[int]:
    return [row[0] for row in tx.all(_SQL[statement], key)]
