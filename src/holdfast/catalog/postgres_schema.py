"""Brings the schema on PostgreSQL up to date, while programs of the version before may still be at work.

Steps are numbered files of two kinds. An `expand` step adds what the older program does not mind (a table, a column
with a default, an index): it is applied by the first node that brings it. A `contract` step takes away what the older
program needs: it waits until every writer that lives speaks that step, and until then the new program does without.
What is always true here: steps are applied one at a time under an advisory lock, each in a transaction with the row
that says so; a program never works on a schema from which a step that it does not know has taken something.
"""

import re
import time
from dataclasses import dataclass
from functools import cache
from importlib import resources

from psycopg import Connection
from psycopg.sql import SQL, Identifier

from holdfast.catalog.postgres_connections import connect_patiently
from holdfast.catalog.postgres_options import PostgresOptions
from holdfast.catalog.transaction import Row, Tx
from holdfast.model.errors import Unavailable

_FILE = re.compile(r"([0-9]{4})_(expand|contract)_\w+\.sql")
_LOCK = 0x4846_5343
_VERSION_MIN = 130_000


@dataclass(frozen=True, slots=True)
class SchemaStep:
    """One numbered file; `contracts` if the program before it cannot do with what it leaves."""

    number: int
    contracts: bool
    text: str


def known_steps() -> list[SchemaStep]:
    """The steps that this program brings, in order."""
    folder = resources.files("holdfast.catalog").joinpath("migrations", "postgres")
    found = sorted((entry.name, entry) for entry in folder.iterdir())
    named = [(match, entry) for name, entry in found if (match := _FILE.fullmatch(name))]
    return [SchemaStep(int(match[1]), match[2] == "contract", entry.read_text("utf-8")) for match, entry in named]


@cache
def speaks() -> int:
    """The number of the latest step that this program knows."""
    return known_steps()[-1].number


def require_spoken(tx: Tx) -> None:
    """Raises Unavailable if something was taken away by a step that this program does not know.

    For the transaction in which a program says that it writes, and after it has said so: a step that takes something
    away has then been applied, and is seen here, or it waits and sees the writer.
    """
    row = tx.one("SELECT max(number) FROM schema_steps WHERE contracts = 1 AND number > :known", {"known": speaks()})
    if row is not None and row[0] is not None:
        raise Unavailable(
            f"the catalog is at schema step {row[0]} by now, this program knows up to {speaks()}: use the newer program"
        )


def apply(options: PostgresOptions, where: str, steps: list[SchemaStep] | None = None) -> None:
    """Applies what is missing and may be applied. Raises Unavailable for a schema that a newer program contracted."""
    with connect_patiently(options, where, time.monotonic() + options.patience_seconds) as connection:
        if connection.info.server_version < _VERSION_MIN:
            raise Unavailable(
                f"the catalog {where} is PostgreSQL {connection.info.server_version}: it must be 13 or newer"
            )
        # Another node may be at it for long; it is waited for, whatever the session's limits are.
        connection.execute("SET lock_timeout = 0; SET statement_timeout = 0")
        connection.execute(f"SELECT pg_advisory_lock({_LOCK}, hashtext(%s))", (options.schema,))
        connection.execute(SQL("CREATE SCHEMA IF NOT EXISTS {}").format(Identifier(options.schema)))
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_steps (number BIGINT PRIMARY KEY, contracts BIGINT NOT NULL)"
        )
        _apply(connection, steps if steps is not None else known_steps(), where)


def _apply(connection: Connection[Row], steps: list[SchemaStep], where: str) -> None:
    done: dict[int, int] = dict(connection.execute("SELECT number, contracts FROM schema_steps").fetchall())
    latest = steps[-1].number if steps else 0
    beyond = [number for number, contracts in done.items() if contracts and number > latest]
    if beyond:
        raise Unavailable(
            f"the catalog {where} is at schema step {max(beyond)}, this program knows up to {latest}: use the newer"
            " program"
        )
    for step in steps:
        if step.number in done:
            continue
        with connection.transaction():
            if step.contracts:
                # Whoever begins to write meanwhile waits for this, and looks afterwards.
                connection.execute("LOCK TABLE writers IN SHARE ROW EXCLUSIVE MODE")
                if not _all_speak(connection, step.number):
                    # Later steps may build on it; the next start of a node tries again.
                    return
            connection.execute(step.text.encode())
            connection.execute("INSERT INTO schema_steps VALUES (%s, %s)", (step.number, step.contracts))


def _all_speak(connection: Connection[Row], number: int) -> bool:
    row = connection.execute("SELECT 1 FROM writers WHERE ended = 0 AND speaks < %s LIMIT 1", (number,)).fetchone()
    return row is None
