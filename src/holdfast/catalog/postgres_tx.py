"""`Tx` on PostgreSQL: statements translated, prepared, and sent without waiting where no answer is needed.

The connection is in pipeline mode: what is only said (savepoints, new rows) travels with the next question. An error of
such a statement comes out at that question or at the end, in any case before the transaction can count.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import cache, partial
from itertools import chain
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import ExecStatus, Format
from psycopg.raw_cursor import RawCursor

from holdfast.catalog.postgres_sql import translated
from holdfast.catalog.transaction import Params, Row
from holdfast.model.errors import InvalidInput

_NONE: Params = {}

# New rows go in statements of few sizes, because every size is one to prepare; very many go by COPY.
_ROWS_AT_ONCE = (64, 8, 1)
_COPIED_FROM = 512


class NotAlone(Exception):
    """A step found that it must not share: the transaction is to be run again, alone."""


class _Int8(Dumper):
    """Numbers are 64 bits wide, whatever their value: one type, one prepared statement. Truth is 0 or 1."""

    format = Format.BINARY
    oid = psycopg.adapters.types["int8"].oid

    def dump(self, obj: int) -> Buffer:
        return int(obj).to_bytes(8, "big", signed=True)


def adapt(connection: Connection[Row]) -> None:
    """Prepares a new connection for what passes through here."""
    # More than there are statements in daily use, so that none is prepared again and again.
    connection.prepared_max = 250
    connection.adapters.register_dumper(int, _Int8)
    connection.adapters.register_dumper(bool, _Int8)


class PostgresTx:
    """`Tx` on one connection. The caller has begun the transaction, in pipeline mode, and ends it."""

    def __init__(
        self,
        connection: Connection[Row],
        pipeline: "Piped",
        *,
        shares: bool = False,
        before_each: Callable[[], None] = lambda: None,
    ) -> None:
        """`shares`: other transactions may run beside this one. `before_each` is called before each statement."""
        self._pipeline = pipeline
        self._connection = connection
        self._shares = shares
        self._before_each = before_each

    def all(self, statement: str, params: Params = _NONE) -> list[Row]:
        return self._answered(statement, params).fetchall()

    def one(self, statement: str, params: Params = _NONE) -> Row | None:
        rows = self._answered(statement, params).fetchall()
        return rows[0] if rows else None

    def run(self, statement: str, params: Params = _NONE) -> int:
        return self._answered(statement, params).rowcount

    def all_of(self, statement: str, values: Sequence[Any], params: Params = _NONE) -> list[Row]:
        return self.all(statement, {**params, "each": list(values)}) if len(values) else []

    def run_of(self, statement: str, values: Sequence[Any], params: Params = _NONE) -> int:
        return self.run(statement, {**params, "each": list(values)}) if len(values) else 0

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        _require_storable(chain.from_iterable(rows))
        if len(rows) >= _COPIED_FROM:
            self._pipeline.outside(lambda: self._copy(table, columns, rows))
            return
        for group in _groups(rows):
            text, values = _insert(table, tuple(columns), len(group)), tuple(chain.from_iterable(group))
            self._pipeline.later(partial(self._send, text, values, prepare=True))

    def numbers(self, table: str, count: int) -> list[int]:
        column = {"objects": "object_no", "chunks": "chunk_no"}[table]
        sequence = f"{table}_{column}_seq"
        rows = self.all(f"SELECT nextval('{sequence}') FROM generate_series(1, :count)", {"count": count})  # noqa: S608 - our words
        return sorted(row[0] for row in rows)

    def alone(self) -> None:
        if self._shares:
            raise NotAlone

    def say(self, text: str) -> None:
        """A statement without parameters whose answer nobody waits for."""
        self._pipeline.later(partial(self._send, text))

    def undo(self, what: str) -> None:
        """`ROLLBACK`, or one to a savepoint; on return it is done."""
        self._pipeline.outside(lambda: undo(self._connection, what))

    def _answered(self, statement: str, params: Params) -> RawCursor[Row]:
        text, words = translated(statement)
        values = [params[word] for word in words]
        _require_storable(values)
        self._pipeline.send_later_ones()
        cursor = self._send(text, values, prepare=True)
        self._pipeline.wait()
        return cursor

    def _send(self, text: str, values: Sequence[Any] = (), *, prepare: bool | None = None) -> RawCursor[Row]:
        return self._cursor().execute(text, values or None, prepare=prepare)

    def _cursor(self) -> RawCursor[Row]:
        self._before_each()
        cursor = RawCursor(self._connection)
        cursor.format = Format.BINARY
        return cursor

    def _copy(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        with self._cursor().copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(tuple(int(one) if isinstance(one, bool) else one for one in row))


def _require_storable(values: Iterable[Any]) -> None:
    """Raises InvalidInput for a text that PostgreSQL cannot hold: before anything is sent, so that it is one step's."""
    for value in values:
        if type(value) is str and "\0" in value:
            raise InvalidInput(f"the text {value[:100]!r} holds the character NUL, which no name and no text may hold")


def undo(connection: Connection[Row], what: str) -> None:
    """Rolls back past the library, which takes every ROLLBACK for a reason to prepare all its statements anew.

    (It also sends the order to forget them behind the next statement, in a pipeline behind one that it has just
    prepared.) Raises psycopg.OperationalError.
    """
    result = connection.pgconn.exec_(what.encode())
    if result.status != ExecStatus.COMMAND_OK:
        raise psycopg.OperationalError(f"{what} was refused: {result.error_message.decode('utf-8', 'replace')}")


class Piped:
    """A connection in pipeline mode, which can be left for what does not work in it.

    What need not be answered goes with the next thing that must be. The server counts how long this side is silent in
    a transaction only where it has been asked to say that it is ready; so nothing is sent without that for long.
    """

    def __init__(self, connection: Connection[Row]) -> None:
        self._connection = connection
        self._later: list[Callable[[], object]] = []
        self._entered = ExitStack()
        self._pipeline = self._entered.enter_context(connection.pipeline())

    def later(self, send: Callable[[], object]) -> None:
        """It is sent in its turn, with the next thing that is answered."""
        self._later.append(send)

    def send_later_ones(self) -> None:
        """What waits to be sent is sent."""
        later, self._later = self._later, []
        for send in later:
            send()

    def wait(self) -> None:
        """Everything that was said is answered. Raises what any of it came to."""
        self.send_later_ones()
        self._pipeline.sync()

    def outside(self, action: Callable[[], None]) -> None:
        """Everything that was said is answered, then `action` is done, then pipeline mode goes on."""
        self.end()
        action()
        self._pipeline = self._entered.enter_context(self._connection.pipeline())

    def end(self) -> None:
        """Everything that was said is answered, and pipeline mode is left. Raises what any of it came to."""
        self.send_later_ones()
        self._entered.close()

    def abandon(self) -> None:
        """Leaves pipeline mode and the transaction after an error, as far as the connection still lets us."""
        self._later.clear()
        with suppress(psycopg.Error):
            self._entered.close()
        with suppress(psycopg.Error):
            undo(self._connection, "ROLLBACK")


def _groups(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    start = 0
    for size in _ROWS_AT_ONCE:
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size


@cache
def _insert(table: str, columns: tuple[str, ...], count: int) -> str:
    width = len(columns)
    values = ", ".join(
        f"({', '.join(f'${place + 1}' for place in range(row * width, row * width + width))})" for row in range(count)
    )
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {values}"  # noqa: S608 - our own words
