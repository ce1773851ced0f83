"""Who may write: each process that opens the store takes a number, the fencing token of all its transactions.

Where the store's lock lets one process in, taking a number ends all others. Where several nodes share the store, each
writer's `beats` grow while it lives, and one whose beats stand still is ended by another that watched it for a while.
No clock is compared, and a mistake costs nothing: a process whose lock was taken from under it, or that was only
paused, finds in its next transaction that it has been ended, and is refused there.
"""

from holdfast.catalog import sql
from holdfast.catalog.transaction import Tx
from holdfast.model.errors import Unavailable, WriterEnded
from holdfast.model.purpose import Purpose

_SQL = sql.load("writers")


def begin(tx: Tx, now_us: int) -> int:
    """The number of a new writer; every other one has ended from here on. For the holder of the store's lock."""
    tx.run(_SQL["end_all"])
    return join(tx, now_us)


def join(tx: Tx, now_us: int, speaks: int = 0) -> int:
    """The number of a new writer beside others. `speaks` is the latest schema step that its program knows."""
    row = tx.one(_SQL["insert"], {"now_us": now_us, "speaks": speaks})
    tx.run(_SQL["forget_old"])
    assert row is not None
    return int(row[0])


def beat(tx: Tx, writer_no: int) -> None:
    """A sign of life."""
    tx.run(_SQL["beat"], {"writer_no": writer_no})


def live(tx: Tx) -> dict[int, int]:
    """The beats of all writers that have not ended, by number."""
    return {int(row[0]): int(row[1]) for row in tx.all(_SQL["live"])}


def end(tx: Tx, writer_no: int, beats: int | None = None) -> bool:
    """Ends a writer, if (where `beats` is given) its beats still stand there; whether it did."""
    return tx.run(_SQL["end"], {"writer_no": writer_no, "beats": beats}) == 1


def require_admitted(tx: Tx, writer_no: int | None, purpose: Purpose) -> None:
    """Raises WriterEnded if that writer may write no more, Unavailable for changes while the store is moving."""
    if purpose is Purpose.BEGIN:
        return
    row = tx.one(_SQL["admission"], {"writer_no": -1 if writer_no is None else writer_no})
    assert row is not None
    live_no, frozen = row
    if writer_no is not None and live_no is None:
        raise WriterEnded(
            "another process has opened this store since, or has not heard of this one for a while: what this one had"
            " begun is dropped"
        )
    if frozen is not None and purpose is not Purpose.READ:
        raise Unavailable(f"the store takes no changes: {frozen}")
