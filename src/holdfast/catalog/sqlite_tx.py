"""`Tx` on SQLite: statements read to their end, and what comes in numbers sent in groups."""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any, TypeVar

import apsw

from holdfast.catalog.transaction import Params, Row

T = TypeVar("T")

_NONE: Params = {}


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

    def numbers(self, table: str, count: int) -> range:
        # Tables with AUTOINCREMENT; the one writer inserts the rows before anybody else can ask.
        row = self.one("SELECT seq FROM sqlite_sequence WHERE name = :table", {"table": table})
        first = int(row[0]) + 1 if row else 1
        return range(first, first + count)

    def alone(self) -> None:
        """There is one writer: it always is alone."""


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
