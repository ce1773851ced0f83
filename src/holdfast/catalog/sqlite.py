"""The catalog on SQLite: one writer at a time, many readers, every commit on disk before it is reported.

SQLite comes with apsw, never from the system: versions 3.7.0 to 3.51.2 can corrupt a WAL database while it is reset.
Transactions are explicit and every cursor is read to its end: an undrained cursor in autocommit mode has swallowed an
EIO of the commit's fsync. Once this process has its number as a writer, each transaction looks first whether it still
is the one that may write (catalog/writers.py).
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import apsw

from holdfast.catalog import migrate, sqlite_file, writers
from holdfast.catalog.sqlite_errors import translated
from holdfast.catalog.sqlite_tx import SqliteTx
from holdfast.catalog.transaction import Tx
from holdfast.catalog.turns import Turns
from holdfast.model.outcome import Outcome
from holdfast.model.purpose import Purpose


class SqliteCatalog:
    """The catalog file and its connections.

    `run` is for one thread at a time (the group commit's); `snapshot` for any number, each with its own connection.
    """

    parallel = False

    def __init__(self, path: Path, *, vfs: str = sqlite_file.CHECKSUM_VFS, joins: bool = False) -> None:
        """Opens or creates the catalog at `path` and brings its schema up to date. Raises Unavailable.

        `joins`: other processes have it open, and one of them has made it ready; the log that they are writing is then
        not looked at. `vfs` is the layer through which SQLite reaches the disk; another one must stand on that of the
        checksums.
        """
        sqlite_file.require_usable_library()
        self._path = path
        self._vfs = vfs
        self._local = threading.local()
        self._lock = threading.Lock()
        self._connections: list[apsw.Connection] = []
        self._writer_no: int | None = None
        self._running: int | None = None
        self._turns: Turns | None = None
        with translated(path):
            if not joins:
                sqlite_file.make_ready(path, vfs)
            self._writer = self._connect()
            try:
                migrate.apply(self._writer)
            except BaseException:
                self.close()
                raise
        if joins:
            self._turns = Turns(path.parent)

    def fence(self, writer_no: int) -> None:
        """From here on every transaction is that writer's, and is refused once another has taken the store over."""
        self._writer_no = writer_no

    def run(self, steps: Sequence[Callable[[Tx], object]], purpose: Purpose = Purpose.CHANGE) -> list[Outcome]:
        """All steps in one transaction, each undone alone if it raises; returns once it is on disk.

        Raises Unavailable if the transaction could not be committed (DiskFull: for want of room), or if this process
        may write no more (WriterEnded); then no step happened.
        """
        writer = self._writer
        tx = SqliteTx(writer)
        with self._turns.turn() if self._turns else nullcontext(), translated(self._path):
            _end(writer)
            _execute(writer, "BEGIN IMMEDIATE")
            try:
                self._running = threading.get_ident()
                writers.require_admitted(tx, self._writer_no, purpose)
                outcomes = [_step(writer, tx, step) for step in steps]
                sqlite_file.require_checksums(writer, self._path)
                _execute(writer, "COMMIT")
            except BaseException:
                # If even that fails, the next transaction tries again; the error that led here is the one to report.
                with suppress(apsw.Error):
                    _end(writer)
                raise
            finally:
                self._running = None
        return outcomes

    @contextmanager
    def snapshot(self) -> Iterator[Tx]:
        """A consistent read-only view; sees every transaction that was reported before."""
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        with translated(self._path):
            if connection is None:
                connection = self._connect()
                self._local.connection = connection
            assert not getattr(self._local, "reading", False), "one snapshot at a time in a thread"
            _end(connection)
            _execute(connection, "BEGIN")
            self._local.reading = True
            try:
                yield SqliteTx(connection)
            finally:
                self._local.reading = False
                # If even that fails, the next snapshot tries again.
                with suppress(apsw.Error):
                    _end(connection)
            sqlite_file.require_checksums(connection, self._path)

    def ping(self, seconds_max: float) -> None:  # noqa: ARG002 - the port's signature
        """A file of this machine is there or fails at once; reading it by the way of requests is asking enough."""
        with self.snapshot():
            pass

    def give_back(self, pages: int) -> int:
        """Gives up to `pages` free pages back to the file system; how many that were.

        For a step of `run`, on its thread and in its transaction; the file gets shorter when its log is folded in.
        """
        assert self._running == threading.get_ident(), "free pages are given back within a step of a transaction"
        before = self._writer_number("PRAGMA freelist_count")
        _execute(self._writer, f"PRAGMA incremental_vacuum({int(pages)})")
        return before - self._writer_number("PRAGMA freelist_count")

    def fold_log(self) -> None:
        """Copies the log into the file, as far as no reader needs it. For a moment when nothing is committed."""
        with translated(self._path):
            self._writer.wal_checkpoint()

    def close(self) -> None:
        """Ends all connections; the last one folds the log into the file."""
        with self._lock:
            for connection in reversed(self._connections):
                connection.close()
            self._connections.clear()
        if self._turns is not None:
            self._turns.close()
            self._turns = None

    def _connect(self) -> apsw.Connection:
        connection = sqlite_file.connect(self._path, self._vfs)
        with self._lock:
            self._connections.append(connection)
        return connection

    def _writer_number(self, pragma: str) -> int:
        return int(str(self._writer.execute(pragma).fetchall()[0][0]))


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


def _end(connection: apsw.Connection) -> None:
    """Leaves the transaction that the connection is in, if it is in one; what it changed is undone."""
    if connection.in_transaction:
        _execute(connection, "ROLLBACK")


def _execute(connection: apsw.Connection, statement: str) -> None:
    for _ in connection.execute(statement):
        pass
