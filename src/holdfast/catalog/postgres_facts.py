"""What can be said of a database without changing it: for those who ask before a service is started."""

import statistics
import time
from dataclasses import dataclass

import psycopg
from psycopg import Connection

from holdfast.catalog import postgres_schema
from holdfast.catalog.identity import Identity
from holdfast.catalog.postgres_connections import connect
from holdfast.catalog.postgres_errors import translated
from holdfast.catalog.postgres_options import PostgresOptions
from holdfast.catalog.postgres_session import require_own_sessions
from holdfast.catalog.transaction import Row
from holdfast.model.clock import Clock
from holdfast.model.errors import Unavailable

VERSION_MIN = 130_000
_PROBE_LOCK = 0x4846_4343
_ROUNDS = 5
_SAID_MAX = 400

_FACTS = """
    SELECT current_setting('server_version'), current_setting('server_encoding'), pg_is_in_recovery(),
           current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on',
           current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
           has_database_privilege(current_database(), 'CREATE'), to_regnamespace(%s) IS NOT NULL
"""
_REMEDIES = (
    (("unsupported startup parameter",), "a pooler is in between: name the PostgreSQL server itself"),
    (("authentication failed", "no password supplied", "pg_hba.conf", "role "), "check its user and password"),
    (("database ",), "make the database, with ENCODING 'UTF8', or name one that there is"),
    (("too many", "remaining connection slots"), "raise max_connections there, or lower catalog_connections"),
    (("starting up", "shutting down", "in recovery"), "wait until it has started"),
    (("certificate", "SSL", "TLS"), "check sslmode and sslrootcert in the URL"),
)


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What the server and the schema say."""

    version: int
    """As the server counts: 150014 is 15.14."""
    version_text: str
    encoding: str
    is_standby: bool
    is_durable: bool
    """Whether the server waits for its disk: fsync and full_page_writes."""
    connections_max: int
    may_create: bool
    """Whether this user may make the schema, or tables in the one that is there."""
    step: int | None
    """The last schema step that was applied; None without a schema."""
    contracted: int
    """The last step that took something away."""
    round_trip_seconds: float
    ahead_us: int
    """How far its clock is ahead of ours, in microseconds."""
    identity: Identity | None
    """The keys that the store was begun with; None for a store that nobody has begun."""


def steps_known() -> int:
    """The latest schema step that this program knows."""
    return postgres_schema.speaks()


def look(options: PostgresOptions, where: str, clock: Clock) -> DatabaseFacts:
    """Connects, asks and lets go. `where` is how the place is called in errors. Raises Unavailable with a remedy."""
    try:
        connection = connect(options)
    except psycopg.OperationalError as refused:
        said = " ".join(str(refused).split())[:_SAID_MAX]
        raise Unavailable(f"{where} cannot be used: {said}: {_remedy(said)}") from refused
    version = connection.info.server_version
    with translated(where), connection:
        require_own_sessions(options, where)
        row = _one(connection, _FACTS, options.schema)
        may_create, is_there = bool(row[5]), bool(row[6])
        step = None
        contracted = 0
        if is_there:
            may_create = bool(_one(connection, "SELECT has_schema_privilege(%s, 'CREATE')", options.schema)[0])
            step, contracted = _steps(connection, options.schema)
        belongs = _identity(connection, options.schema)
        ahead_us, round_trip = _clock(connection, clock)
        # Everything that changes the store is done under such a lock.
        _one(connection, "SELECT pg_try_advisory_lock(%s), pg_advisory_unlock_all()", _PROBE_LOCK)
    return DatabaseFacts(
        version=version,
        version_text=str(row[0]),
        encoding=str(row[1]),
        is_standby=bool(row[2]),
        is_durable=bool(row[3]),
        connections_max=int(str(row[4])),
        may_create=may_create,
        step=step,
        contracted=contracted,
        round_trip_seconds=round_trip,
        ahead_us=ahead_us,
        identity=belongs,
    )


def _steps(connection: Connection[Row], schema: str) -> tuple[int | None, int]:
    if _one(connection, "SELECT to_regclass(%s) IS NULL", f"{schema}.schema_steps")[0]:
        return None, 0
    last, contracted = _one(
        connection, "SELECT max(number), coalesce(max(number) FILTER (WHERE contracts::int <> 0), 0) FROM schema_steps"
    )
    return None if last is None else int(str(last)), int(str(contracted))


def _identity(connection: Connection[Row], schema: str) -> Identity | None:
    if _one(connection, "SELECT to_regclass(%s) IS NULL", f"{schema}.identity")[0]:
        return None
    row = connection.execute("SELECT root_id, access_key_id FROM identity").fetchone()
    return Identity(bytes(row[0]), str(row[1])) if row else None


def _clock(connection: Connection[Row], clock: Clock) -> tuple[int, float]:
    """How far the server's clock is ahead, by the quickest of a few answers; and how long an answer takes."""
    seconds: list[float] = []
    ahead: list[int] = []
    for _ in range(_ROUNDS):
        asked_us, started = clock.now_us(), time.perf_counter()
        there = _one(connection, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")[0]
        seconds.append(time.perf_counter() - started)
        ahead.append(int(str(there)) - (asked_us + clock.now_us()) // 2)
    return ahead[seconds.index(min(seconds))], statistics.median(seconds)


def _one(connection: Connection[Row], statement: str, *values: object) -> Row:
    row = connection.execute(statement.encode(), values or None).fetchone()
    assert row is not None
    return row


def _remedy(said: str) -> str:
    for signs, remedy in _REMEDIES:
        if any(sign in said for sign in signs):
            return remedy
    return "check that it runs, and the host and port in the URL"
