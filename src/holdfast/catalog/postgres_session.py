"""Whether a connection to PostgreSQL is one session of the server, or shared by a pooler with others.

What we rely on lives in the session: the schema that statements find, settings, prepared statements, advisory locks.
A pooler that hands its connection to another client after each transaction (pgbouncer's pool_mode = transaction) mixes
them up, and it shows late and as something else. A pooler gives each client a number of its own instead of the server
process's, so without one it costs one question to know; behind one, two clients are seen to meet in one server process.
"""

import time

import psycopg
from psycopg import Connection

from holdfast.catalog.postgres_connections import Guard, connect_patiently
from holdfast.catalog.postgres_options import PostgresOptions
from holdfast.catalog.transaction import Row
from holdfast.model.errors import Unavailable

_ANSWER_SECONDS_MAX = 5.0
_REMEDY = "name the PostgreSQL server itself, or a pool with pool_mode = session that drops no settings"


def require_own_sessions(options: PostgresOptions, where: str) -> None:
    """Raises Unavailable, with a remedy, where a connection is not a session of its own.

    Raises psycopg.Error, Unavailable where there is no connection.
    """
    until = time.monotonic() + options.patience_seconds
    with connect_patiently(options, where, until) as one:
        if _process(one) == one.info.backend_pid:
            return
        _require_settings(one, options, where)
        with connect_patiently(options, where, until) as other:
            guard = Guard(_ANSWER_SECONDS_MAX)
            try:
                with guard.watching(one), guard.watching(other):
                    is_shared = _meet(one, other)
            except psycopg.Error as refused:
                # A pool of single statements, or one that has no connection for a second client.
                raise Unavailable(
                    f"{where} is reached through a pooler that does not give a second connection a session of its own"
                    f" ({' '.join(str(refused).split())}): {_REMEDY}"
                ) from refused
            finally:
                guard.close()
    if is_shared:
        raise Unavailable(
            f"{where} is reached through a pooler that hands a connection to another client after each transaction"
            f" (pgbouncer: pool_mode = transaction): {_REMEDY}"
        )


def _require_settings(connection: Connection[Row], options: PostgresOptions, where: str) -> None:
    row = connection.execute("SELECT current_setting('search_path'), current_setting('plan_cache_mode')").fetchone()
    assert row is not None
    path = [name.strip().strip('"') for name in str(row[0]).split(",")]
    if path[0] != options.schema or row[1] != "force_generic_plan":
        raise Unavailable(
            f"{where} is reached through a pooler that drops the settings of a session (search_path is {row[0]};"
            f" pgbouncer: ignore_startup_parameters names options): {_REMEDY}"
        )


def _meet(one: Connection[Row], other: Connection[Row]) -> bool:
    """Whether two clients meet in one server process: whatever order a pooler hands its connections out in.

    One that hands out what came back last gives the other client the first one's; one that takes turns gives the first
    client another one at once, if it has any other.
    """
    before = {_process(one), _process(one)}
    with other.transaction():
        held = _process(other)
        after = _process(one)
    return len(before) > 1 or held in before or after not in before


def _process(connection: Connection[Row]) -> int:
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])
