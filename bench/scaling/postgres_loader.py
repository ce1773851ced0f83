"""Fills a catalog on PostgreSQL by COPY: constraints unchecked meanwhile, indexes built at the end, statistics taken.

Whoever fills must be a superuser of the database, as on a server that was started for it.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Self

from psycopg.sql import SQL, Identifier

from bench.scaling.loader import FILLED
from holdfast.catalog.postgres_connections import connect
from holdfast.catalog.postgres_options import PostgresOptions
from holdfast.catalog.transaction import Row

# The service's own sessions end what takes long. Other sessions' triggers check references; this one's do not.
_FAST = """
    SET statement_timeout = 0;
    SET lock_timeout = 0;
    SET idle_in_transaction_session_timeout = 0;
    SET synchronous_commit = off;
    SET session_replication_role = replica;
    SET maintenance_work_mem = '1GB';
    SET max_parallel_maintenance_workers = 2;
"""
_TYPES = {"bigint": "int8"}


class PostgresLoader:
    """Fulfils `Loader` for a database that no service has open."""

    def __init__(self, options: PostgresOptions) -> None:
        self._options = options

    def __enter__(self) -> Self:
        self._connection = connect(self._options)
        self._connection.execute(_FAST)
        # Indexes that carry a constraint (primary keys) stay: rows come in their order.
        self._indexes = self.rows(
            "SELECT i.indexname, i.indexdef FROM pg_indexes i"
            " WHERE i.schemaname = current_schema() AND i.tablename = ANY(?)"
            " AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = to_regclass(i.indexname))",
            (list(FILLED),),
        )
        self._types: dict[tuple[str, str], str] = {
            (table, column): str(_TYPES.get(kind, kind))
            for table, column, kind in self.rows(
                "SELECT table_name, column_name, data_type FROM information_schema.columns"
                " WHERE table_schema = current_schema()"
            )
        }
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def rows(self, statement: str, params: Sequence[Any] = ()) -> list[Row]:
        return self._connection.execute(_numbered(statement), tuple(params)).fetchall()

    def clear(self, chunk_nos: Sequence[int]) -> None:
        with self._connection.transaction():
            for name, _ in self._indexes:
                self._connection.execute(SQL("DROP INDEX {}").format(Identifier(name)))
            self._connection.execute("TRUNCATE objects, object_chunks")
            self._connection.execute("DELETE FROM chunks WHERE chunk_no = ANY(%s)", (list(chunk_nos),))

    def load(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        text = SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
            Identifier(table), SQL(", ").join(map(Identifier, columns))
        )
        with self._connection.cursor() as cursor, cursor.copy(text) as copy:
            copy.set_types([self._types[table, column] for column in columns])
            for row in rows:
                copy.write_row(row)

    def change(self, statement: str, params: Sequence[Any]) -> None:
        self._connection.execute(_numbered(statement), tuple(params))

    def finish(self, next_object_no: int, next_chunk_no: int) -> None:
        for table, column, number in (("objects", "object_no", next_object_no), ("chunks", "chunk_no", next_chunk_no)):
            sequence = f"{table}_{column}_seq"
            self._connection.execute("SELECT setval(%s::regclass, %s, false)", (sequence, number))
        [(pack_no,)] = self.rows("SELECT max(pack_no) FROM packs")
        self._connection.execute("SELECT setval(pg_get_serial_sequence('packs', 'pack_no'), %s)", (pack_no,))
        for _, text in self._indexes:
            self._connection.execute(text.encode())
        # What autovacuum would do in its time.
        self._connection.execute("VACUUM (ANALYZE)")
        self._connection.execute("CHECKPOINT")

    def sizes(self) -> dict[str, int]:
        found = self.rows(
            "SELECT c.relname, pg_total_relation_size(c.oid) FROM pg_class c"
            " WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace"
        )
        return {table: int(size) for table, size in found}


def _numbered(statement: str) -> bytes:
    """Our `?` as psycopg writes it."""
    return statement.replace("?", "%s").encode()
