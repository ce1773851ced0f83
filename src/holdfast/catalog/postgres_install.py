"""A catalog on PostgreSQL that is made beside the one in use, and takes its place when it is whole.

It is filled in a schema of its own, NAME_rebuilding. Then, in one transaction, the schema NAME becomes NAME_replaced_N
and the new one becomes NAME. What is always true here: when the schemas change places nobody writes to the old one and
nobody has since the rebuild began, nor ever will: it begins by ending writers that have been silent for long, and is
refused where any is alive; the transaction waits for others under way, keeps new ones waiting, and is refused if a
writer has come in the meantime; and numbers of writers are never given out again. So a node that was only paused is
refused, and begins anew on the new catalog.
"""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from psycopg.errors import InvalidSchemaName, UndefinedColumn, UndefinedTable
from psycopg.sql import SQL, Composed, Identifier

from holdfast.catalog.postgres import PostgresCatalog
from holdfast.catalog.postgres_connections import connect_patiently
from holdfast.catalog.postgres_errors import translated
from holdfast.catalog.postgres_options import PostgresOptions
from holdfast.catalog.postgres_session import require_own_sessions
from holdfast.catalog.transaction import Row
from holdfast.model.errors import InvalidInput, Unavailable

_LOCK = 0x4846_5242
_NAME_CHARACTERS_MAX = 40
_LOOK_SECONDS = 0.5
_SESSION = "SET statement_timeout = 0; SET lock_timeout = '60s'; SET idle_in_transaction_session_timeout = 0"

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = %s"
_TAKEN = "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s)"
# What was announced and not found may be on its way to the bucket still; it is looked at once more, much later.
_LATE = SQL(
    """
    INSERT INTO {new}.late_packs (uid, vault_uid, since_us)
    SELECT l.uid, l.vault_uid, %(now_us)s FROM (
        SELECT p.uid, v.uid AS vault_uid FROM {old}.packs p JOIN {old}.vaults v ON v.vault_no = p.vault_no
        WHERE p.bytes IS NULL OR p.bytes = 0
        UNION ALL SELECT uid, vault_uid FROM {old}.late_packs) l
    WHERE NOT EXISTS (SELECT 1 FROM {new}.packs n WHERE n.uid = l.uid)
    ON CONFLICT DO NOTHING
    """
)


class SchemaBeside:
    """One rebuild of the catalog of `options`; another one, wherever it runs, is refused until `close`."""

    def __init__(self, options: PostgresOptions, silent_seconds: float) -> None:
        """Raises Unavailable where the database cannot be reached or somebody has the catalog open.

        A writer is alive if it gives a sign of life within `silent_seconds`; where there are any, it takes as long to
        find out that they do not.
        """
        if len(options.schema) > _NAME_CHARACTERS_MAX:
            raise InvalidInput(
                f"the schema name {options.schema!r} has {len(options.schema)} characters, and a rebuild makes longer"
                f" ones of it: rename the schema to one of at most {_NAME_CHARACTERS_MAX}"
            )
        self.where = f"in schema {options.schema}"
        self._options = options
        self._building = f"{options.schema}_rebuilding"
        with translated(self.where):
            require_own_sessions(options, self.where)
        until = time.monotonic() + options.patience_seconds
        self._connection = connect_patiently(options, self.where, until)
        try:
            with translated(self.where):
                self._lock()
                silent = self._require_silence(silent_seconds)
                with self._connection.transaction():
                    self._newest = self._end_old(silent)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Others may rebuild."""
        self._connection.close()

    def clear(self) -> None:
        """Removes what an earlier attempt left, or this one."""
        with translated(self.where):
            self._say("DROP SCHEMA IF EXISTS {} CASCADE", self._building)

    def old(self) -> PostgresCatalog | None:
        """The catalog in use, if there is one. Raises Unavailable where it cannot be used."""
        with translated(self.where):
            is_there = self._is_there(self._options.schema)
        return PostgresCatalog(self._options) if is_there else None

    def new(self) -> PostgresCatalog:
        """An empty catalog, to be filled and closed."""
        return PostgresCatalog(replace(self._options, schema=self._building))

    def install(self, now_us: int) -> None:
        """The new catalog is the catalog from here on. Raises Unavailable where somebody wrote to the old one."""
        with translated(self.where):
            for (table,) in self._connection.execute(_TABLES, (self._building,)).fetchall():
                # Whoever comes first should not have to plan without knowing anything.
                self._connection.execute(SQL("ANALYZE {}.{}").format(Identifier(self._building), Identifier(table)))
            with self._connection.transaction():
                newest = 0
                if self._is_there(self._options.schema):
                    newest = self._end_old({})
                    if newest != self._newest:
                        # It may be gone again; what it took in is not in the new catalog.
                        raise Unavailable(
                            f"a node has opened the catalog {self.where} while it was being rebuilt: stop all nodes,"
                            " and begin again"
                        )
                    self._note_late(now_us)
                    self._rename(self._options.schema, self._free_name())
                # Also above the numbers of a catalog that is lost, of which nobody knows how far it had come.
                self._number_writers_from(newest + 1 + secrets.randbelow(2**31))
                self._rename(self._building, self._options.schema)

    def _lock(self) -> None:
        self._connection.execute(_SESSION)
        row = self._connection.execute(
            "SELECT pg_try_advisory_lock(%s::int, hashtext(%s))", (_LOCK, self._options.schema)
        ).fetchone()
        if row is None or not row[0]:
            raise Unavailable(f"the catalog {self.where} is being rebuilt by another process: let it come to its end")

    def _require_silence(self, silent_seconds: float) -> dict[int, int]:
        """The beats of all writers that have not ended, by number; they have been silent for so long."""
        seen = self._live()
        until = time.monotonic() + silent_seconds
        while seen and time.monotonic() < until:
            time.sleep(min(_LOOK_SECONDS, silent_seconds))
            live = self._live()
            self._refuse_alive(seen, live)
            seen = live
        return seen

    def _refuse_alive(self, seen: dict[int, int], live: dict[int, int]) -> None:
        alive = [number for number, beats in live.items() if seen.get(number) != beats]
        if alive:
            raise Unavailable(
                f"the store is in use: a node has the catalog {self.where} open, as writer {alive[0]}; stop all nodes"
                " first"
            )

    def _live(self) -> dict[int, int]:
        live: dict[int, int] = {}
        with self._tolerated():
            live |= dict(self._ask("SELECT writer_no, beats FROM {}.writers WHERE ended = 0", self._options.schema))
        return live

    def _end_old(self, silent: dict[int, int]) -> int:
        """Nobody writes to the old catalog any more under a number that it gave; the highest one that it ever gave.

        Raises Unavailable where somebody is alive, which is whoever is not among the `silent` with the same beats.
        """
        schema = self._options.schema
        with self._tolerated():
            # Every transaction asks this table whether it may write.
            self._say("LOCK TABLE {}.writers IN ACCESS EXCLUSIVE MODE", schema)
        self._refuse_alive(silent, self._live())
        numbers = [0]
        with self._tolerated():
            self._say("UPDATE {}.writers SET ended = 1", schema)
            numbers += [row[0] for row in self._ask("SELECT writer_no FROM {}.writers", schema)]
        with self._tolerated():
            numbers += [
                row[0] for row in self._ask("SELECT last_value FROM {}.writers_writer_no_seq WHERE is_called", schema)
            ]
        return max(numbers)

    def _note_late(self, now_us: int) -> None:
        old, new = Identifier(self._options.schema), Identifier(self._building)
        with self._tolerated():
            self._connection.execute(_LATE.format(old=old, new=new), {"now_us": now_us})

    @contextmanager
    def _tolerated(self) -> Iterator[None]:
        """What cannot be done because the old catalog is damaged is left undone: who needs the same is not there."""
        try:
            with self._connection.transaction():
                yield
        except (InvalidSchemaName, UndefinedTable, UndefinedColumn):
            return

    def _number_writers_from(self, number: int) -> None:
        restart = SQL("ALTER TABLE {}.writers ALTER COLUMN writer_no RESTART WITH {}")
        self._connection.execute(restart.format(Identifier(self._building), SQL(str(number))))

    def _free_name(self) -> str:
        begins = f"{self._options.schema}_replaced_"
        taken = {str(name) for (name,) in self._connection.execute(_TAKEN, (begins,)).fetchall()}
        number = 1
        while f"{begins}{number}" in taken:
            number += 1
        return f"{begins}{number}"

    def _rename(self, schema: str, name: str) -> None:
        self._connection.execute(SQL("ALTER SCHEMA {} RENAME TO {}").format(Identifier(schema), Identifier(name)))

    def _is_there(self, schema: str) -> bool:
        return self._connection.execute("SELECT to_regnamespace(%s)", (schema,)).fetchone() != (None,)

    def _ask(self, statement: str, schema: str) -> list[Row]:
        return self._connection.execute(_in_schema(statement, schema)).fetchall()

    def _say(self, statement: str, schema: str) -> None:
        self._connection.execute(_in_schema(statement, schema))


def _in_schema(statement: str, schema: str) -> Composed:
    return SQL(statement).format(Identifier(schema))
