"""The catalog's file: flipped bits are noticed, whatever SQLite itself would have made of them."""

import random
import shutil
from contextlib import closing
from pathlib import Path

import apsw
import apsw.sqlite_extra
import pytest

from holdfast.catalog import migrate, sqlite_file
from holdfast.catalog.sqlite import SqliteCatalog
from holdfast.catalog.transaction import Tx
from holdfast.model.errors import Unavailable

ROWS = 200


def fill(tx: Tx) -> None:
    tx.run("CREATE TABLE things (number INTEGER PRIMARY KEY, text TEXT NOT NULL)")
    tx.run("CREATE INDEX things_by_text ON things (text)")
    tx.insert("things", ("number", "text"), [(number, f"text of {number} " * 8) for number in range(ROWS)])


def things(catalog: SqliteCatalog) -> list[tuple[int, str]]:
    with catalog.snapshot() as tx:
        by_text = tx.all("SELECT text FROM things INDEXED BY things_by_text ORDER BY text")
        rows = tx.all("SELECT number, text FROM things ORDER BY number")
    assert [row[0] for row in by_text] == sorted(text for _, text in rows)
    return rows


def flip(path: Path, offset: int, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ (1 << bit)]))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed catalog with some rows."""
    catalog = SqliteCatalog(tmp_path / "catalog")
    catalog.run([fill])
    catalog.close()
    return tmp_path / "catalog"


def test_a_flipped_bit_anywhere_in_the_file_is_refused_or_changes_nothing(path: Path, tmp_path: Path) -> None:
    dice = random.Random(5)
    whole = looked_at(path)
    size = path.stat().st_size
    refused = 0
    for attempt in range(300):
        copy = tmp_path / "copy"
        shutil.copy(path, copy)
        # All of the header, which says how everything else is to be read, and a sample of the rest.
        flip(copy, attempt if attempt < 100 else dice.randrange(100, size), dice.randrange(8))
        found = looked_at(copy)
        assert found == whole or "holdfast rebuild" in str(found)
        refused += found != whole
    assert refused > 100


def looked_at(path: Path) -> object:
    """The rows, or the words of the refusal."""
    try:
        with closing(SqliteCatalog(path)) as catalog:
            return things(catalog)
    except Unavailable as damage:
        return damage.message


def test_a_bit_that_flips_under_a_running_service_is_noticed(path: Path) -> None:
    whole = looked_at(path)
    refused = 0
    for page in range(1, path.stat().st_size // 4096):
        copy = path.with_name("copy")
        shutil.copy(path, copy)
        with closing(SqliteCatalog(copy)) as catalog:
            flip(copy, page * 4096 + 2000, 3)
            try:
                found: object = things(catalog)
            except Unavailable as damage:
                found = damage.message
        assert found == whole or "holdfast rebuild" in str(found)
        refused += found != whole
    assert refused > 1


def test_the_loss_of_the_byte_that_says_that_there_are_checksums_is_noticed(path: Path) -> None:
    catalog = SqliteCatalog(path)
    flip(path, 20, 3)
    # Another connection changed the file, so that its first page is read again.
    other = apsw.Connection(str(path))
    other.execute("PRAGMA user_version").fetchall()
    other.close()
    with pytest.raises(Unavailable, match="checksums"):
        SqliteCatalog(path)
    catalog.close()


def test_a_write_to_a_damaged_page_is_refused_and_nothing_is_acknowledged(path: Path) -> None:
    whole = path.read_bytes()
    with closing(SqliteCatalog(path)) as catalog:
        for page in range(1, len(whole) // 4096):
            flip(path, page * 4096 + 100, 1)
        with pytest.raises(Unavailable, match="holdfast rebuild"):
            catalog.run([lambda tx: tx.run("UPDATE things SET text = 'x' WHERE number = 100")])
    path.write_bytes(whole)
    assert "x" not in [text for _, text in things(SqliteCatalog(path))]


def test_every_connection_verifies(path: Path) -> None:
    catalog = SqliteCatalog(path)
    with catalog.snapshot():
        pass
    assert len(catalog._connections) == 2
    for connection in catalog._connections:
        assert connection.execute("PRAGMA checksum_verification").fetchall() == [("1",)]
    catalog.close()


def of_the_first_schema(path: Path) -> None:
    """A catalog as the first release wrote it: no checksums, no vacuum."""
    connection = apsw.Connection(str(path), vfs="unix")
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    [(_, first), *_] = migrate._numbered()
    connection.execute(first).fetchall()
    connection.execute("INSERT INTO vaults (uid, name, options, created_us) VALUES (x'01', 'v', '', 1)")
    connection.execute("PRAGMA user_version = 1").fetchall()
    connection.close()


def test_a_catalog_of_the_first_schema_is_given_checksums_once_and_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "catalog"
    of_the_first_schema(path)
    for _ in range(2):
        catalog = SqliteCatalog(path)
        with catalog.snapshot() as tx:
            assert tx.all("SELECT name FROM vaults") == [("v",)]
            assert tx.all("PRAGMA checksum_verification") == [("1",)]
            assert tx.all("PRAGMA auto_vacuum") == [(2,)]
        catalog.close()


def test_a_crash_while_checksums_are_given_changes_nothing(tmp_path: Path) -> None:
    of_the_first_schema(tmp_path / "old")
    sqlite_file.require_usable_library()
    half = apsw.Connection(str(tmp_path / "old"), vfs=sqlite_file.CHECKSUM_VFS)
    half.reserve_bytes("main", sqlite_file.CHECKSUM_BYTES)
    half.execute("VACUUM").fetchall()
    # Everything stands in the log, and the file's own first page still says that there are no checksums.
    for name in ("old", "old-wal"):
        shutil.copy(tmp_path / name, tmp_path / name.replace("old", "catalog"))
    half.close()
    catalog = SqliteCatalog(tmp_path / "catalog")
    with catalog.snapshot() as tx:
        assert tx.all("SELECT name FROM vaults") == [("v",)]
    catalog.close()


def test_a_damaged_catalog_of_the_first_schema_is_not_brought_over(tmp_path: Path) -> None:
    path = tmp_path / "catalog"
    of_the_first_schema(path)
    with path.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(bytes(4096))
    with pytest.raises(Unavailable, match="holdfast rebuild"):
        SqliteCatalog(path)


def test_a_later_catalog_without_checksums_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "catalog"
    of_the_first_schema(path)
    connection = apsw.Connection(str(path), vfs="unix")
    connection.execute("PRAGMA user_version = 2").fetchall()
    connection.close()
    with pytest.raises(Unavailable, match="no checksums"):
        SqliteCatalog(path)


def test_an_apsw_without_the_checksums_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise apsw.sqlite_extra.NotAvailable("cksumvfs is not included")

    monkeypatch.setattr(apsw.sqlite_extra, "load", missing)
    monkeypatch.setattr(apsw, "vfs_names", lambda: ["unix"])
    with pytest.raises(Unavailable, match="install apsw from its wheel"):
        SqliteCatalog(path)


def test_an_old_sqlite_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.40.1")
    with pytest.raises(Unavailable, match=r"3\.51\.3 or newer"):
        sqlite_file.require_usable_library()


def test_free_pages_go_back_to_the_file_system_within_a_step(path: Path) -> None:
    catalog = SqliteCatalog(path)
    catalog.run([lambda tx: tx.insert("things", ("number", "text"), [(n, "x" * 3000) for n in range(1000, 1500)])])
    catalog.fold_log()
    large = path.stat().st_size
    catalog.run([lambda tx: tx.run("DELETE FROM things WHERE number >= 1000")])
    [outcome] = catalog.run([lambda _: catalog.give_back(100)])
    assert outcome.value == 100
    [outcome] = catalog.run([lambda _: catalog.give_back(100_000)])
    assert outcome.value > 300
    catalog.fold_log()
    assert path.stat().st_size < large / 2
    assert len(things(catalog)) == ROWS
    catalog.close()


def test_free_pages_are_not_given_back_beside_a_transaction(path: Path) -> None:
    catalog = SqliteCatalog(path)
    with pytest.raises(AssertionError, match="within a step"):
        catalog.give_back(10)
    catalog.close()
