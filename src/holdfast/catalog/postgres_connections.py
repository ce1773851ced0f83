"""Connections to PostgreSQL: kept, bounded in number, and never waited for without end.

A pool of our own, because what matters here is how soon after an outage a request gets through again: a connection is
made by the request that needs it, and tried again every few tenths of a second until the request's patience is over.
What is always true here: a connection that failed is closed and never handed out again; and a statement that is not
answered in time (a half-open connection, a server that hangs) ends by its socket being shut.
"""

import re
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from os import dup

import psycopg
from psycopg import Connection

from holdfast.catalog.postgres_errors import unreachable
from holdfast.catalog.postgres_options import PostgresOptions
from holdfast.catalog.postgres_tx import adapt
from holdfast.catalog.transaction import Row
from holdfast.model.errors import Unavailable

_CONNECT_SECONDS = 5
_AGAIN_SECONDS = 0.2
_LOOK_SECONDS = 0.5
_TRUSTED_SECONDS = 1.0

_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")

# Set in every session. A session that this process no longer serves must not keep others from their locks: the server
# ends one that idles within a transaction, a statement that runs on, and notices a peer that is gone.
_SETTINGS = {
    "idle_in_transaction_session_timeout": "15s",
    "statement_timeout": "25s",
    "lock_timeout": "15s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "client_connection_check_interval": "2s",
    "synchronous_commit": "on",
    "application_name": "holdfast",
    # Our statements are short; compiling one would cost more than it.
    "jit": "off",
    # Our statements are written for nested loops over indexes, which is all that SQLite knows; with these, the planner
    # chooses nothing else, and what it chooses once is good for every value. Left to itself it reads a whole series
    # where it takes a new seq for a rare one.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "max_parallel_workers_per_gather": "0",
    "random_page_cost": "1.1",
}


_PERMANENT = ("authentication failed", "does not exist", "no pg_hba.conf entry", "unsupported startup parameter")


class Connections:
    """Up to `options.connections_max` at a time, for any number of threads."""

    def __init__(self, options: PostgresOptions, where: str) -> None:
        self._options = options
        self._where = where
        self._room = threading.BoundedSemaphore(options.connections_max)
        self._idle: deque[tuple[Connection[Row], float]] = deque()
        """The connections that nobody uses, and since when."""
        self._guard = Guard()
        self._closed = False

    @contextmanager
    def use(self, until: float) -> Iterator[tuple[Connection[Row], Callable[[], None]]]:
        """A connection, in no transaction, and what to call at each statement; it is closed if left in one.

        Waits for one until `until` (time.monotonic). Raises Unavailable.
        """
        connection = self._take(until)
        try:
            with self._guard.watching(connection):
                yield connection, partial(self._guard.extend, connection)
        finally:
            self._give_back(connection)

    def forget_idle(self) -> None:
        """Closes those that nobody uses: one of them was found dead, and the others are as old."""
        while self._idle:
            with suppress(IndexError):
                self._idle.pop()[0].close()

    def close(self) -> None:
        """Closes those that nobody uses; the others when they come back."""
        self._closed = True
        self.forget_idle()
        self._guard.close()

    def _take(self, until: float) -> Connection[Row]:
        if not self._room.acquire(timeout=max(0.0, until - time.monotonic())):
            raise unreachable(self._where, f"all {self._options.connections_max} connections stay in use")
        try:
            return self._idle_one() or connect_patiently(self._options, self._where, until)
        except BaseException:
            self._room.release()
            raise

    def _idle_one(self) -> Connection[Row] | None:
        """The one that was used last; where that was some time ago, it is asked first whether it still is one."""
        with suppress(IndexError):
            while True:
                connection, since = self._idle.pop()
                if time.monotonic() - since < _TRUSTED_SECONDS:
                    return connection
                try:
                    with self._guard.watching(connection):
                        connection.execute("SELECT 1")
                    return connection
                except psycopg.Error:
                    connection.close()
                    self.forget_idle()
        return None

    def _give_back(self, connection: Connection[Row]) -> None:
        idle = psycopg.pq.TransactionStatus.IDLE
        if self._closed or connection.closed or connection.info.transaction_status != idle:
            connection.close()
        else:
            self._idle.append((connection, time.monotonic()))
        self._room.release()


def connect(options: PostgresOptions) -> Connection[Row]:
    """A new connection, whose statements find our schema. Raises psycopg.OperationalError, Unavailable."""
    if not _SCHEMA.fullmatch(options.schema):  # it goes into the settings of the session as it is
        raise Unavailable(
            f"the schema {options.schema[:80]!r} cannot be used: it must be 1 to 63 of a-z 0-9 _, not beginning with a"
            " digit"
        )
    settings = {**_SETTINGS, "search_path": f"{options.schema},pg_catalog"}
    try:
        connection: Connection[Row] = psycopg.connect(
            options.url,
            autocommit=True,
            connect_timeout=_CONNECT_SECONDS,
            keepalives_idle=5,
            keepalives_interval=5,
            keepalives_count=3,
            tcp_user_timeout=15_000,
            options=" ".join(f"-c {name}={value}" for name, value in settings.items()),
        )
    except psycopg.ProgrammingError as misspelt:
        raise Unavailable(
            "the catalog's URL cannot be read: it must be like postgresql://user:password@host:5432/database"
        ) from misspelt
    adapt(connection)
    return connection


def connect_patiently(options: PostgresOptions, where: str, until: float) -> Connection[Row]:
    """As `connect`, tried again until `until` (time.monotonic) while the server is away. Raises Unavailable."""
    while True:
        try:
            return connect(options)
        except psycopg.OperationalError as away:
            if not _may_pass(away) or time.monotonic() + _AGAIN_SECONDS >= until:
                raise unreachable(where, away) from away
            time.sleep(_AGAIN_SECONDS)


def _may_pass(error: psycopg.OperationalError) -> bool:
    """Whether waiting can help: not where the server is there and refuses this user or database."""
    text = str(error)
    return not any(word in text for word in _PERMANENT)


class Guard:
    """Shuts the socket of a connection whose statement is not answered in time: its thread then gets an error."""

    def __init__(self, seconds_max: float = 30.0) -> None:
        self._seconds_max = seconds_max
        self._watched: dict[int, tuple[Connection[Row], float]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="catalog-guard", daemon=True)
        self._thread.start()

    @contextmanager
    def watching(self, connection: Connection[Row]) -> Iterator[None]:
        """Within this block the connection is watched; `extend`, at each statement, begins the time anew."""
        self.extend(connection)
        try:
            yield
        finally:
            with self._lock:
                self._watched.pop(id(connection), None)

    def extend(self, connection: Connection[Row]) -> None:
        with self._lock:
            self._watched[id(connection)] = (connection, time.monotonic() + self._seconds_max)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_SECONDS):
            now = time.monotonic()
            with self._lock:
                # Shut while it cannot be given back, and so not be handed to another.
                for connection, until in self._watched.values():
                    if until < now:
                        shut(connection)


def shut(connection: Connection[Row]) -> None:
    """Ends a connection under the thread that waits for it. (Closing its descriptor here could hit another's.)"""
    with suppress(OSError, psycopg.Error), socket.socket(fileno=dup(connection.fileno())) as sock:
        sock.shutdown(socket.SHUT_RDWR)
