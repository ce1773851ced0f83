"""Fills an SQLite catalog: without a log and without syncs, through the layer that gives each page its checksum."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import apsw

from bench.scaling.loader import FILLED
from holdfast.catalog import sqlite_file
from holdfast.catalog.transaction import Row

_FAST = """
    PRAGMA foreign_keys = OFF;
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA temp_store = FILE;
    PRAGMA threads = 2;
    PRAGMA cache_size = -524288;
"""


class SqliteLoader:
    """Fulfils `Loader` for the catalog file of a store that nobody has open."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        sqlite_file.require_usable_library()
        self._connection: apsw.Connection = sqlite_file.connect(self._path, sqlite_file.CHECKSUM_VFS)
        self._run(_FAST)
        tables = ", ".join(f"'{table}'" for table in FILLED)
        self._indexes = self.rows(
            f"SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ({tables})"  # noqa: S608
        )
        self._run("BEGIN")
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def rows(self, statement: str, params: Sequence[Any] = ()) -> list[Row]:
        return list(self._connection.execute(statement, tuple(params)))

    def clear(self, chunk_nos: Sequence[int]) -> None:
        for name, _ in self._indexes:
            self._run(f"DROP INDEX {name}")
        self._run("DELETE FROM object_chunks; DELETE FROM objects")
        self._connection.executemany("DELETE FROM chunks WHERE chunk_no = ?", ((number,) for number in chunk_nos))

    def load(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        places = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608 - our own words
        self._connection.executemany(statement, rows)

    def change(self, statement: str, params: Sequence[Any]) -> None:
        self._connection.execute(statement, tuple(params))

    def finish(self, next_object_no: int, next_chunk_no: int) -> None:
        # AUTOINCREMENT has counted along.
        counted = self.rows("SELECT seq + 1 FROM sqlite_sequence WHERE name IN ('chunks', 'objects') ORDER BY name")
        assert counted == [(next_chunk_no,), (next_object_no,)], counted
        self._run("COMMIT")
        for _, text in self._indexes:
            self._run(text)
        self._run("PRAGMA journal_mode = WAL")
        self._connection.close()
        descriptor = os.open(self._path, os.O_RDWR)
        os.fsync(descriptor)
        os.close(descriptor)
        self._connection = sqlite_file.connect(self._path, sqlite_file.CHECKSUM_VFS)

    def sizes(self) -> dict[str, int]:
        sizes: dict[str, int] = {}
        for table, size in self.rows(
            "SELECT coalesce(s.tbl_name, d.name), sum(d.pgsize)"
            " FROM dbstat d LEFT JOIN sqlite_schema s ON s.name = d.name WHERE d.aggregate = TRUE GROUP BY 1"
        ):
            sizes[str(table)] = int(size)
        return sizes

    def _run(self, statements: str) -> None:
        for _ in self._connection.execute(statements):
            pass
