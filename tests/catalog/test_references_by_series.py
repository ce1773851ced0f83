"""Catalogs of before references named their series: they are given it, beside older programs too."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import apsw
import psycopg
import pytest

from holdfast.catalog import postgres_schema, sqlite_file
from holdfast.catalog.postgres import PostgresCatalog
from holdfast.catalog.postgres_options import PostgresOptions
from holdfast.catalog.postgres_schema import known_steps
from holdfast.catalog.sqlite import SqliteCatalog

ROWS = """
    INSERT INTO vaults (vault_no, uid, name, created_us, options) VALUES (1, {uid}, 'default', 1, '{{}}');
    INSERT INTO series VALUES (3, 1, 'arn:a', 'Holdfast', 1), (7, 1, 'arn:b', 'Holdfast', 1);
    INSERT INTO backup_jobs (job_no, uid, series_no, seq, base_seq, point_uid, state, role_arn, options, created_us,
                             touched_us, lease_us)
    VALUES (1, 'a', 3, 1, 0, 'p', 'RUNNING', 'r', '{{}}', 1, 1, 1),
           (2, 'b', 7, 1, 0, 'q', 'RUNNING', 'r', '{{}}', 1, 1, 1);
    INSERT INTO objects (object_no, series_no, job_no, name, state, to_seq, throw_on_duplicate, chunk_count, bytes)
    VALUES (5, 3, 1, 'x', 'OPEN', 9, 0, 0, 0), (6, 7, 2, 'y', 'OPEN', 9, 0, 0, 0);
    INSERT INTO object_chunks (object_no, chunk_index, chunk_no) VALUES (6, 0, 1), (5, 9, 1), (5, 0, 2);
"""
REFERENCES = "SELECT object_no, chunk_index, chunk_no, series_no FROM object_chunks ORDER BY object_no, chunk_index"
FILLED = [(5, 0, 2, 3), (5, 9, 1, 3), (6, 0, 1, 7)]


@contextmanager
def sqlite_of_schema(path: Path, number: int) -> Iterator[apsw.Connection]:
    """A catalog file as a program that knew so many steps left it."""
    sqlite_file.require_usable_library()
    sqlite_file.make_ready(path, sqlite_file.CHECKSUM_VFS)
    connection = sqlite_file.connect(path, sqlite_file.CHECKSUM_VFS)
    folder = resources.files("holdfast.catalog").joinpath("migrations")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))[:number]
    for name in names:
        connection.execute(folder.joinpath(name).read_text("utf-8")).fetchall()
    connection.execute(f"PRAGMA user_version = {number}").fetchall()
    yield connection
    connection.close()


def test_references_of_an_older_file_name_their_series(tmp_path: Path) -> None:
    with sqlite_of_schema(tmp_path / "catalog", 3) as older:
        older.execute(ROWS.format(uid="x'00'")).fetchall()
    catalog = SqliteCatalog(tmp_path / "catalog")
    with catalog.snapshot() as tx:
        assert tx.all(REFERENCES) == FILLED
    catalog.close()


@pytest.fixture
def options(postgres_url: str) -> PostgresOptions:
    return PostgresOptions(postgres_url)


def test_references_of_an_older_database_name_their_series_and_an_older_program_goes_on_beside(
    options: PostgresOptions,
) -> None:
    postgres_schema.apply(options, "of the test", known_steps()[:1])
    with psycopg.connect(options.url, autocommit=True) as older:
        older.execute("SET search_path = holdfast")
        older.execute(ROWS.format(uid="'x'").encode())
        PostgresCatalog(options).close()
        assert older.execute(REFERENCES).fetchall() == FILLED
        older.execute("INSERT INTO object_chunks (object_no, chunk_index, chunk_no) VALUES (6, 1, 2)")
        assert older.execute(REFERENCES).fetchall()[-1] == (6, 1, 2, 0)
