"""Removes the rows that no reader and no future job can see, a few at a time.

Every function here does one small piece in the caller's transaction and says whether it found anything to do. It looks
for its work anew each time, so that a crash between two pieces loses nothing and several sweepers do no harm. What says
that work is left (an unswept job, a dead seq, a DELETED point) goes in the transaction that finds nothing left. Why
nobody misses the rows is argued in docs/design/versions.md. Every chunk that loses a reference here is condemned in the
same transaction; the collector looks at those and at no others.
"""

from collections.abc import Callable
from dataclasses import dataclass

from holdfast.catalog import sql
from holdfast.catalog.transaction import Tx

_SQL = sql.load("sweep")


@dataclass(frozen=True, slots=True)
class Batch:
    """How much one transaction may remove: the writer is everybody's, so each hold of it must be short."""

    objects: int = 500
    references: int = 5000


@dataclass(frozen=True, slots=True)
class Swept:
    """There was something to do; how many objects went."""

    objects: int


def pending(tx: Tx) -> bool:
    """Whether any of the sweeps below has work; reads only."""
    return any(tx.one(_SQL[name]) is not None for name in ("find_ended_job", "find_dead_seq", "find_deleted_point"))


def sweep_ended_job(tx: Tx, batch: Batch) -> Swept | None:
    """Of a job that has ended: the deletions it noted, the uploads nobody completed, the objects it replaced itself.

    Parts of a manifest that it sealed and no recovery point took over go with its last rows.
    """
    found = tx.one(_SQL["find_ended_job"])
    if found is None:
        return None
    job = {"job_no": found[0]}
    if tx.run(_SQL["drop_deletions"], {**job, "limit": batch.objects}):
        return Swept(0)
    removed = _remove_objects(tx, "unlisted_objects", job, batch)
    if removed is None:
        tx.run(_SQL["condemn_drafts"], job)
        tx.run(_SQL["drop_drafts"], job)
        tx.run(_SQL["mark_job_swept"], job)
    return removed or Swept(0)


def sweep_dead_seq(tx: Tx, batch: Batch) -> Swept | None:
    """Of a dead seq: the objects that it added; then what it ended is opened again; last, the mark that it is dead."""
    found = tx.one(_SQL["find_dead_seq"])
    if found is None:
        return None
    key = {"series_no": found[0], "seq": found[1]}
    removed = _remove_objects(tx, "objects_from_seq", key, batch)
    if removed is None and not tx.run(_SQL["reopen"], {**key, "limit": batch.objects}):
        tx.run(_SQL["condemn_manifest"], key)
        tx.run(_SQL["drop_manifest"], key)
        tx.run(_SQL["mark_point_gone"], key)
        tx.run(_SQL["drop_dead_seq"], key)
    return removed or Swept(0)


def sweep_deleted_point(tx: Tx, batch: Batch) -> Swept | None:
    """Of a deleted recovery point older than a kept one: the objects that were in no view but those of deleted points.

    Its row and manifest stay: newer recovery points build on them when the catalog is rebuilt.
    """
    found = tx.one(_SQL["find_deleted_point"])
    if found is None:
        return None
    point_no, series_no, seq = found
    neighbours = tx.one(_SQL["neighbours"], {"series_no": series_no, "seq": seq})
    assert neighbours is not None
    previous_seq, next_seq = neighbours
    # A point above every kept one and every base is dead (recovery_points.settle), and dead ones are not found here.
    assert next_seq is not None
    key = {"series_no": series_no, "seq": seq, "previous_seq": previous_seq or 0, "next_seq": next_seq}
    removed = _remove_objects(tx, "objects_between", key, batch)
    if removed is None:
        tx.run(_SQL["mark_point_swept"], {"point_no": point_no})
    return removed or Swept(0)


SWEEPS: tuple[Callable[[Tx, Batch], Swept | None], ...] = (sweep_ended_job, sweep_dead_seq, sweep_deleted_point)


def _remove_objects(tx: Tx, chosen: str, key: dict[str, int], batch: Batch) -> Swept | None:
    """Removes the objects that the statement `chosen` names, references first, as far as the batch goes.

    None if there was none. An object with more references than the batch allows loses them over several batches and
    its row in the last, so that no reference ever stands without its object.
    """
    victims = tx.all(_SQL[chosen], {**key, "limit": batch.objects})
    allowed = batch.references
    bare: list[int] = []
    together: list[int] = []
    for object_no, references in victims:
        if 0 <= references <= allowed:
            together.append(object_no)
            allowed -= references
        elif allowed <= 0:
            break
        else:
            share = {"object_no": object_no, "limit": allowed}
            tx.run(_SQL["condemn_references"], share)
            allowed -= tx.run(_SQL["drop_references"], share)
            if allowed <= 0:
                break
        bare.append(object_no)
    tx.run_of(_SQL["condemn_all_references"], together)
    tx.run_of(_SQL["drop_all_references"], together)
    tx.run_of(_SQL["condemn_metadata"], bare)
    tx.run_of(_SQL["drop_objects"], bare)
    return Swept(len(bare)) if victims else None
