"""The catalog on SQLite: one writer, many readers, every commit on disk before it is reported.

SQLite comes with apsw, never from the system: versions 3.7.0 to 3.51.2 can corrupt a WAL database while it is reset.
Transactions are explicit and every cursor is read to its end: an undrained cursor in autocommit mode has swallowed an
EIO of the commit's fsync.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import apsw

from holdfast.catalog import migrate
from holdfast.catalog.transaction import Params, Row, Tx
from holdfast.model.errors import HoldfastError, Unavailable
from holdfast.model.outcome import Outcome

_SAFE_VERSION = (3, 51, 3)
_NONE: Params = {}

T = TypeVar("T")

_PRAGMAS = """
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -16384;
    PRAGMA wal_autocheckpoint = 4000;
    PRAGMA journal_size_limit = 16777216;
    PRAGMA busy_timeout = 30000;
"""


class SqliteTx:
    """`Tx` on one connection. The caller has begun the transaction and ends it."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def all(self, statement: str, params: Params = _NONE) -> list[Row]:
        return list(self._connection.execute(statement, params))

    def one(self, statement: str, params: Params = _NONE) -> Row | None:
        rows = list(self._connection.execute(statement, params))
        return rows[0] if rows else None

    def run(self, statement: str, params: Params = _NONE) -> int:
        for _ in self._connection.execute(statement, params):
            pass
        return self._connection.changes()

    def all_of(self, statement: str, values: Sequence[Any], params: Params = _NONE) -> list[Row]:
        found: list[Row] = []
        for group in _groups(values):
            found += self._connection.execute(_spread(statement, len(group)), {**params, **_named(group)})
        return found

    def run_of(self, statement: str, values: Sequence[Any], params: Params = _NONE) -> int:
        return sum(self.run(_spread(statement, len(group)), {**params, **_named(group)}) for group in _groups(values))

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        for group in _groups(rows):
            statement = _insert(table, tuple(columns), len(group))
            for _ in self._connection.execute(statement, tuple(chain.from_iterable(group))):
                pass


# Each step of a statement lets go of the interpreter lock and asks for it again, which under load costs more than the
# step. So what comes in numbers goes in groups: of few sizes, because every size is a statement to prepare and to keep.
_GROUP_SIZES = (64, 8, 1)


def _groups(values: Sequence[T]) -> Iterator[Sequence[T]]:
    start = 0
    for size in _GROUP_SIZES:
        while len(values) - start >= size:
            yield values[start : start + size]
            start += size


@cache
def _spread(statement: str, count: int) -> str:
    names = ", ".join(f":each{number}" for number in range(count))
    return statement.replace("(:each)", f"({names})")


def _named(group: Sequence[Any]) -> dict[str, Any]:
    return {f"each{number}": value for number, value in enumerate(group)}


@cache
def _insert(table: str, columns: tuple[str, ...], count: int) -> str:
    row = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * count)}"  # noqa: S608 - our own words


class SqliteCatalog:
    """The catalog file and its connections.

    `run` is for one thread at a time (the group commit's); `snapshot` for any number, each with its own connection.
    """

    def __init__(self, path: Path) -> None:
        """Opens or creates the catalog at `path` and brings its schema up to date. Raises Unavailable."""
        if tuple(int(part) for part in apsw.sqlite_lib_version().split(".")) < _SAFE_VERSION:
            raise Unavailable(
                f"SQLite {apsw.sqlite_lib_version()} can corrupt its log; install apsw with SQLite 3.51.3 or newer"
            )
        self._path = path
        self._local = threading.local()
        self._lock = threading.Lock()
        self._connections: list[apsw.Connection] = []
        self._writer = self._connect()
        with _translated(path):
            migrate.apply(self._writer)

    def run(self, steps: Sequence[Callable[[Tx], object]]) -> list[Outcome]:
        """All steps in one transaction, each undone alone if it raises; returns once it is on disk.

        Raises Unavailable if the transaction could not be committed; then no step happened.
        """
        writer = self._writer
        tx = SqliteTx(writer)
        with _translated(self._path):
            _execute(writer, "BEGIN IMMEDIATE")
            try:
                outcomes = [_step(writer, tx, step) for step in steps]
                _execute(writer, "COMMIT")
            except BaseException:
                if writer.in_transaction:
                    _execute(writer, "ROLLBACK")
                raise
        return outcomes

    @contextmanager
    def snapshot(self) -> Iterator[Tx]:
        """A consistent read-only view; sees every transaction that was reported before."""
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        with _translated(self._path):
            if connection is None:
                connection = self._connect()
                self._local.connection = connection
            _execute(connection, "BEGIN")
            try:
                yield SqliteTx(connection)
            finally:
                if connection.in_transaction:
                    _execute(connection, "COMMIT")

    def close(self) -> None:
        """Ends all connections; the last one folds the log into the file."""
        with self._lock:
            for connection in reversed(self._connections):
                connection.close()
            self._connections.clear()

    def _connect(self) -> apsw.Connection:
        with _translated(self._path):
            connection = apsw.Connection(str(self._path), statementcachesize=200)
            for _ in connection.execute(_PRAGMAS):
                pass
        with self._lock:
            self._connections.append(connection)
        return connection


def _step(writer: apsw.Connection, tx: Tx, step: Callable[[Tx], object]) -> Outcome:
    _execute(writer, "SAVEPOINT step")
    try:
        value = step(tx)
    except apsw.Error:
        # The database itself is in trouble (disk full, I/O error): no step of this group can be trusted.
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it undoes this step alone and reaches its caller
        _execute(writer, "ROLLBACK TO step")
        _execute(writer, "RELEASE step")
        return Outcome(error=error)
    _execute(writer, "RELEASE step")
    return Outcome(value=value)


def _execute(connection: apsw.Connection, statement: str) -> None:
    for _ in connection.execute(statement):
        pass


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """SQLite's own errors end here."""
    try:
        yield
    except HoldfastError:
        raise
    except apsw.FullError as full:
        raise Unavailable(
            f"the disk that holds {path} is full: free some space; nothing acknowledged is lost"
        ) from full
    except apsw.ConstraintError:
        # A broken constraint is a defect of ours, not of the disk: it must be seen as one.
        raise
    except apsw.Error as broken:
        raise Unavailable(f"the catalog {path} cannot be used: {broken}") from broken
