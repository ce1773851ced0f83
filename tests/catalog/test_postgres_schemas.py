"""The two schemas are one: tables, columns, what may be missing, and what there may be once."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import psycopg
import pytest

from holdfast.catalog.postgres import PostgresCatalog
from holdfast.catalog.postgres_options import PostgresOptions
from holdfast.catalog.sqlite import SqliteCatalog
from scripts.servers.postgres import Postgres

OF_POSTGRESQL_ALONE = {
    "schema_steps": "SQLite counts its steps in a field of the file's header",
    "witnesses": "a transaction of SQLite answers, or its process is dead",
}
TYPES = {"INTEGER": "bigint", "TEXT": "text", "BLOB": "bytea"}

Unique = set[tuple[str, ...]]

_COLUMNS = """
    SELECT table_name, column_name, data_type, is_nullable = 'NO', column_default, is_identity = 'YES',
           collation_name, character_maximum_length
    FROM information_schema.columns WHERE table_schema = 'holdfast'
"""
_UNIQUE = """
    SELECT t.relname, pg_get_expr(i.indpred, i.indrelid),
           (SELECT array_agg(a.attname::text ORDER BY k.place) FROM unnest(i.indkey) WITH ORDINALITY k (number, place)
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
            WHERE k.place <= i.indnkeyatts)
    FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
    WHERE i.indisunique AND t.relnamespace = 'holdfast'::regnamespace
"""


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[apsw.Connection]:
    SqliteCatalog(tmp_path / "catalog").close()
    connection = apsw.Connection(str(tmp_path / "catalog"))
    yield connection
    connection.close()


@pytest.fixture
def postgres(postgres_server: Postgres, postgres_url: str) -> Iterator[psycopg.Connection]:
    PostgresCatalog(PostgresOptions(postgres_url)).close()
    with psycopg.connect(postgres_url) as connection:
        yield connection


def tables_of_sqlite(connection: apsw.Connection) -> list[str]:
    rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return [str(row[0]) for row in rows.fetchall()]


def test_both_have_the_same_columns_of_the_same_types(sqlite: apsw.Connection, postgres: psycopg.Connection) -> None:
    here = {}
    for table in tables_of_sqlite(sqlite):
        for _, name, kind, not_null, _, key in sqlite.execute(f"PRAGMA table_info({table})").fetchall():
            # The number of a row is never missing, whether that is said or not.
            here[table, name] = (TYPES[kind], bool(not_null or key))
    there = {(row[0], row[1]): (row[2], row[3]) for row in postgres.execute(_COLUMNS).fetchall()}
    assert {key: value for key, value in there.items() if key[0] not in OF_POSTGRESQL_ALONE} == here


def test_a_value_that_nobody_gives_is_the_same_in_both(sqlite: apsw.Connection, postgres: psycopg.Connection) -> None:
    here = {}
    for table in tables_of_sqlite(sqlite):
        for _, name, _, _, default, _ in sqlite.execute(f"PRAGMA table_info({table})").fetchall():
            if default is not None:
                here[table, name] = str(default)
    there = {(row[0], row[1]): str(row[4]) for row in postgres.execute(_COLUMNS).fetchall() if row[4] is not None}
    spelt = {key: value.replace("::bigint", "").replace("::text", "").strip("'") for key, value in there.items()}
    assert {key: value.strip("'") for key, value in here.items()} == spelt


def test_what_sqlite_counts_by_itself_postgresql_does_too(
    sqlite: apsw.Connection, postgres: psycopg.Connection
) -> None:
    counted = set()
    for table in tables_of_sqlite(sqlite):
        keys = [row for row in sqlite.execute(f"PRAGMA table_info({table})").fetchall() if row[5]]
        [(text,)] = sqlite.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchall()
        if len(keys) == 1 and keys[0][2] == "INTEGER" and "WITHOUT ROWID" not in str(text):
            counted.add((table, str(keys[0][1])))
    identities = {(row[0], row[1]) for row in postgres.execute(_COLUMNS).fetchall() if row[5]}
    # Where the number is a row's of another table, it is given.
    assert counted - identities == {("condemned", "chunk_no")}
    assert identities <= counted


def uniques_of_sqlite(connection: apsw.Connection) -> dict[str, Unique]:
    found: dict[str, Unique] = {}
    for table in tables_of_sqlite(connection):
        columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
        keys = [str(row[1]) for row in sorted(columns, key=lambda row: row[5]) if row[5]]
        found[table] = {tuple(keys)} if keys else set()
        for _, index, unique, _, _ in connection.execute(f"PRAGMA index_list({table})").fetchall():
            if unique:
                names = [row[2] for row in connection.execute(f"PRAGMA index_info({index})").fetchall()]
                found[table].add(tuple(map(str, names)))
    return found


def test_what_there_may_be_once_is_the_same_in_both(sqlite: apsw.Connection, postgres: psycopg.Connection) -> None:
    there: dict[str, Unique] = {}
    for table, _, columns in postgres.execute(_UNIQUE).fetchall():
        there.setdefault(table, set()).add(tuple(columns))
    here = uniques_of_sqlite(sqlite)
    for table in OF_POSTGRESQL_ALONE:
        del there[table]
    # Which column of a key comes first is for each database's planner to say.
    assert {table: {frozenset(key) for key in keys} for table, keys in there.items()} == {
        table: {frozenset(key) for key in keys} for table, keys in here.items() if keys
    }


def test_which_rows_a_partial_rule_is_about_is_the_same_in_both(
    sqlite: apsw.Connection, postgres: psycopg.Connection
) -> None:
    def bare(text: str) -> str:
        return "".join(text.replace("::text", "").replace("(", "").replace(")", "").lower().split())

    here = set()
    for table in tables_of_sqlite(sqlite):
        for _, index, unique, _, partial in sqlite.execute(f"PRAGMA index_list({table})").fetchall():
            if unique and partial:
                [(text,)] = sqlite.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (index,)).fetchall()
                here.add((table, bare(str(text).partition(" WHERE ")[2])))
    there = {(row[0], bare(row[1])) for row in postgres.execute(_UNIQUE).fetchall() if row[1] is not None}
    listed = {
        (table, rule.replace("=anyarray['running','committing']", "in'running','committing'")) for table, rule in there
    }
    assert listed == here


def test_every_text_is_compared_by_its_bytes_where_it_is_looked_up_or_ordered(postgres: psycopg.Connection) -> None:
    indexed = {
        (table, column)
        for table, columns in postgres.execute(
            "SELECT t.relname, (SELECT array_agg(a.attname::text) FROM unnest(i.indkey) k JOIN pg_attribute a"
            " ON a.attrelid = i.indrelid AND a.attnum = k) FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid"
            " WHERE t.relnamespace = 'holdfast'::regnamespace"
        ).fetchall()
        for column in columns or ()
    }
    for table, name, kind, _, _, _, collation, _ in postgres.execute(_COLUMNS).fetchall():
        if kind == "text" and (table, name) in indexed:
            assert collation == "C", (table, name)
