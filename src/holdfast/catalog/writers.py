"""Who may write: each process that opens the store takes a number, the fencing token of all its transactions.

A process whose lock was taken from under it (its file removed, a machine that slept) finds in its next transaction that
a later one has ended it, and is refused there.
"""

from holdfast.catalog import sql
from holdfast.catalog.transaction import Tx
from holdfast.model.errors import Unavailable

_SQL = sql.load("writers")


def begin(tx: Tx, now_us: int) -> int:
    """The number of a new writer; every other one has ended from here on. For the holder of the store's lock."""
    tx.run(_SQL["end_others"])
    tx.run(_SQL["insert"], {"now_us": now_us})
    tx.run(_SQL["forget_old"])
    row = tx.one(_SQL["newest"])
    assert row is not None
    return int(row[0])


def require_live(tx: Tx, writer_no: int) -> None:
    """Raises Unavailable if another process has taken the store over since this writer began."""
    if tx.one(_SQL["is_live"], {"writer_no": writer_no}) is None:
        raise Unavailable(
            "another process has opened this store since, although this one held its lock: nothing is written here any"
            " more; stop one of the two"
        )
