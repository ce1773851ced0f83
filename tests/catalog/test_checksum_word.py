"""The one byte that page checksums cannot guard is the one that says that there are any: it is asked for every time."""

from contextlib import closing
from pathlib import Path

import pytest

from holdfast.catalog.sqlite import SqliteCatalog
from holdfast.model.errors import Unavailable


def forget_pages(catalog: SqliteCatalog) -> None:
    """What the connections have read is read again from the file."""
    for connection in catalog._connections:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.execute("PRAGMA shrink_memory").fetchall()


def look(catalog: SqliteCatalog) -> None:
    with catalog.snapshot() as tx:
        tx.all("SELECT reason FROM holds")


WAYS = {"snapshot": look, "run": lambda catalog: catalog.run([lambda tx: tx.all("SELECT reason FROM holds")])}


@pytest.mark.parametrize("way", WAYS)
def test_a_service_that_runs_notices_that_its_catalog_has_lost_the_word(tmp_path: Path, way: str) -> None:
    path = tmp_path / "catalog"
    with closing(SqliteCatalog(path)) as catalog:
        catalog.run([lambda tx: tx.run("INSERT INTO holds VALUES ('reason', 1)")])
        with catalog.snapshot() as tx:
            assert tx.all("SELECT reason FROM holds") == [("reason",)]
        forget_pages(catalog)
        data = bytearray(path.read_bytes())
        assert data[20] == 8
        data[20] = 0
        path.write_bytes(data)
        with pytest.raises(Unavailable, match="checksums"):
            WAYS[way](catalog)
