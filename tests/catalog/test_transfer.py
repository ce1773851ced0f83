"""Rows that go from one database into another, of either kind: none is left out, renumbered or out of order."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import apsw
import psycopg
import pytest

from holdfast.catalog import freezes, objects, transfer, writers
from holdfast.catalog.port import Catalog
from holdfast.catalog.postgres import PostgresCatalog
from holdfast.catalog.postgres_options import PostgresOptions
from holdfast.catalog.sqlite import SqliteCatalog
from holdfast.catalog.sqlite_file import CHECKSUM_VFS, require_usable_library
from holdfast.catalog.transaction import Row, Tx
from holdfast.catalog.transfer import LEFT, TABLES, PackToMove, Table
from holdfast.model.purpose import Purpose
from scripts.servers.postgres import Postgres

KINDS = ("sqlite", "postgresql")
# In the order of their UTF-8 bytes, which is not that of UTF-16 or of any language.
NAMES = ["", "A", "Z", "a", "a b", "aa", "é", "中", "\uff5a", "😀", "😀a"]

Opener = Callable[[str], Catalog]


@pytest.fixture
def opened(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Opener]:
    with ExitStack() as held:
        count = iter(range(9))

        def open_one(kind: str) -> Catalog:
            if kind == "sqlite":
                catalog: Catalog = SqliteCatalog(tmp_path / f"catalog{next(count)}")
            else:
                server: Postgres = request.getfixturevalue("postgres_server")
                name = server.new_database()
                held.callback(server.drop_database, name)
                catalog = PostgresCatalog(PostgresOptions(server.url(name)))
            held.callback(catalog.close)
            return catalog

        yield open_one


def done(catalog: Catalog, step: Callable[[Tx], object]) -> object:
    [outcome] = catalog.run([step], Purpose.BEGIN)
    if outcome.error is not None:
        raise outcome.error
    return outcome.value


def all_rows(catalog: Catalog, table: Table, limit: int = 3) -> list[Row]:
    rows: list[Row] = []
    while True:
        with catalog.snapshot() as tx:
            page = transfer.page(tx, table, table.key_of(rows[-1]) if rows else None, limit)
        rows += page
        if len(page) < limit:
            return rows


def table(name: str) -> Table:
    return next(each for each in TABLES if each.name == name)


def some_rows() -> dict[str, list[Row]]:
    """Rows of every table, with every kind of value that comes in it."""
    top = 2**63 - 1
    uid = bytes(range(16))
    return {
        "vaults": [
            (1, uid, "default", None, None, 5, "{}", None, 1, None, 0),
            (7, uid[::-1], "é", "x", "arn", 6, "{}", 9, 2, 9, 3),
        ],
        "series": [(2, 1, "arn:😀", "Holdfast", top)],
        "dead_seqs": [(2, 1), (2, 3)],
        "backup_jobs": [(4, "job", 2, 3, 0, "point", "RUNNING", None, "arn", "token", "{}", 1, 2, 3, None, 0, 1)],
        "deletions": [(4, name) for name in NAMES],
        "recovery_points": [(5, "point", 2, 3, 4, "KEPT", 1, top, 1, 2)],
        "manifests": [(5, 0, 11), (5, 1, 12)],
        "manifest_drafts": [(4, 0, 11)],
        "restore_jobs": [(6, "restore", 5, "point", "RUNNING", None, None, None, "{}", None, 1, 2, 3, None)],
        "objects": [
            (20 + n, 2, 4, name, "WHOLE", 3, top, 0, 4, 0, 0, b"", "", None, None) for n, name in enumerate(NAMES)
        ],
        "object_chunks": [(20, top, 11, 1), (21, 0, 11, 1), (21, 1, 12, 1)],
        "packs": [(8, uid, 1, 3, None, 0, 0, 0, 0, 1), (9, uid[::-1], 1, 3, 500, 7, 1, top, 5, 0)],
        "chunks": [(11, 1, b"\x00id", b"\xff" * 32, 9, 8, 48, 100, 1), (12, 1, b"\x00ie", b"d", 9, 8, 148, 50, 0)],
        "doomed_packs": [(b"\x00", uid), (b"\xff", uid)],
        "late_packs": [(b"\x01", uid, 3)],
        "condemned": [(12,)],
        "records": [(3, 1, "VAULT", "", None, 1, 2, 11)],
        "owed_records": [(1, "DELETION", "b", "arn", 1, 2), (1, "VAULT", "", None, 1, 2)],
        "holds": [("because", 1)],
        "announced": [(1, 40)],
    }


def fill(catalog: Catalog) -> None:
    rows = some_rows()

    def step(tx: Tx) -> None:
        transfer.clear(tx)
        for each in TABLES:
            transfer.keep(tx, each, rows[each.name])

    done(catalog, step)


def schema_of_sqlite(path: Path) -> dict[str, set[str]]:
    require_usable_library()
    with closing(apsw.Connection(str(path), vfs=CHECKSUM_VFS)) as connection:
        names = [str(row[0]) for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        columns = {name: {str(row[1]) for row in connection.execute(f"PRAGMA table_info({name})")} for name in names}
    return {name: found for name, found in columns.items() if not name.startswith("sqlite_")}


def schema_of_postgresql(url: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'holdfast'"
        )
        for name, column in rows:
            found.setdefault(name, set()).add(column)
    return found


def test_every_table_of_sqlite_goes_along_with_every_column_or_is_named_as_left(tmp_path: Path) -> None:
    SqliteCatalog(tmp_path / "catalog").close()
    schema = schema_of_sqlite(tmp_path / "catalog")
    assert {each.name: set(each.columns) for each in TABLES} == {k: v for k, v in schema.items() if k not in LEFT}


def test_every_table_of_postgresql_goes_along_with_every_column_or_is_named_as_left(postgres_url: str) -> None:
    PostgresCatalog(PostgresOptions(postgres_url)).close()
    schema = schema_of_postgresql(postgres_url)
    assert {each.name: set(each.columns) for each in TABLES} == {k: v for k, v in schema.items() if k not in LEFT}
    assert set(LEFT) <= set(schema)


@pytest.mark.parametrize("source", KINDS)
@pytest.mark.parametrize("target", KINDS)
def test_rows_arrive_as_they_were_and_in_the_same_order(opened: Opener, source: str, target: str) -> None:
    there, here = opened(source), opened(target)
    fill(there)
    done(here, transfer.clear)
    for each in TABLES:
        rows = all_rows(there, each)
        assert rows == some_rows()[each.name]
        done(here, partial(transfer.keep, table=each, rows=rows))
    assert [all_rows(here, each) for each in TABLES] == [all_rows(there, each, 100) for each in TABLES]


@pytest.mark.parametrize("kind", KINDS)
def test_clearing_leaves_nothing_and_may_be_done_again(opened: Opener, kind: str) -> None:
    catalog = opened(kind)
    fill(catalog)
    for _ in range(2):
        done(catalog, transfer.clear)
        assert [all_rows(catalog, each) for each in TABLES] == [[] for _ in TABLES]
    fill(catalog)


@pytest.mark.parametrize("source", KINDS)
@pytest.mark.parametrize("target", KINDS)
def test_a_number_that_was_ever_given_is_not_given_again(opened: Opener, source: str, target: str) -> None:
    there, here = opened(source), opened(target)
    fill(there)
    fill(here)
    row = (99, 2, 4, "gone", "GONE", None, 1, 0, None, 0, 0, None, None, None, None)
    done(there, lambda tx: transfer.keep(tx, table("objects"), [row]))
    done(there, lambda tx: transfer.advance(tx, {}))
    done(there, lambda tx: tx.run("DELETE FROM objects WHERE object_no = 99"))
    taken = int(str(done(there, lambda tx: writers.join(tx, 1))))
    with there.snapshot() as tx:
        counted = transfer.counters(tx)
    done(here, lambda tx: transfer.advance(tx, counted))
    assert min(done(here, lambda tx: list(objects.take_numbers(tx, 3)))) > 99  # type: ignore[call-overload]
    assert int(str(done(here, lambda tx: writers.join(tx, 1)))) > taken
    assert min(done(here, lambda tx: list(tx.numbers("chunks", 2)))) > 12  # type: ignore[call-overload]


@pytest.mark.parametrize("kind", KINDS)
def test_a_counter_never_goes_back(opened: Opener, kind: str) -> None:
    catalog = opened(kind)
    done(catalog, lambda tx: transfer.advance(tx, {"objects": 50, "chunks": 50}))
    done(catalog, lambda tx: transfer.advance(tx, {"objects": 10}))
    assert min(done(catalog, lambda tx: list(objects.take_numbers(tx, 1)))) > 50  # type: ignore[call-overload]


@pytest.mark.parametrize("kind", KINDS)
def test_a_catalog_is_untouched_until_anybody_has_written_to_it(opened: Opener, kind: str) -> None:
    def is_untouched(catalog: Catalog) -> bool:
        with catalog.snapshot() as tx:
            return transfer.is_untouched(tx)

    filled, begun, frozen = opened(kind), opened(kind), opened(kind)
    assert is_untouched(filled)
    fill(filled)
    assert not is_untouched(filled)
    done(begun, lambda tx: writers.join(tx, 1))
    assert not is_untouched(begun)
    done(frozen, lambda tx: freezes.place(tx, "a mark", 1))
    assert is_untouched(frozen)


@pytest.mark.parametrize("kind", KINDS)
def test_of_a_pack_that_may_grow_as_much_is_needed_as_rows_refer_to(opened: Opener, kind: str) -> None:
    catalog = opened(kind)
    fill(catalog)
    uid = bytes(range(16))
    done(catalog, lambda tx: transfer.keep(tx, table("packs"), [(10, b"new", 7, 3, None, 0, 0, 0, 0, 0)]))
    with catalog.snapshot() as tx:
        found = [*transfer.packs(tx, 0, 2), *transfer.packs(tx, 9, 2)]
    assert found == [
        PackToMove(8, uid, uid, False, 0, 198),
        PackToMove(9, uid[::-1], uid, True, 5, 500),
        PackToMove(10, b"new", uid[::-1], False, 0, 0),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_parts_of_manifests_come_page_by_page(opened: Opener, kind: str) -> None:
    catalog = opened(kind)
    fill(catalog)
    with catalog.snapshot() as tx:
        first = transfer.manifest_parts(tx, (0, -1), 1)
        rest = transfer.manifest_parts(tx, (first[0].point_no, first[0].part), 5)
    assert [(one.point_uid, one.part, one.chunk_no) for one in first + rest] == [("point", 0, 11), ("point", 1, 12)]
