"""How much of the catalog's file is free; SQLite only."""

from holdfast.catalog import sql
from holdfast.catalog.transaction import Tx

_SQL = sql.load("file_pages")


def free_and_total(tx: Tx) -> tuple[int, int]:
    """Pages of the file that hold nothing, and all pages."""
    row = tx.one(_SQL["free_and_total"])
    assert row is not None
    return int(row[0]), int(row[1])
