"""One open transaction, as the modules of the nouns see it, whatever the database."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Row = tuple[Any, ...]
Params = Mapping[str, Any]


class Tx(Protocol):
    """Runs statements in the transaction that the caller opened. Every call reads its result to the end."""

    def all(self, statement: str, params: Params = ...) -> list[Row]:
        """All rows."""
        ...

    def one(self, statement: str, params: Params = ...) -> Row | None:
        """The first row, or None."""
        ...

    def run(self, statement: str, params: Params = ...) -> int:
        """Rows changed."""
        ...

    def all_of(self, statement: str, values: Sequence[Any], params: Params = ...) -> list[Row]:
        """All rows for all `values`, which stand where the statement says `IN (:each)`."""
        ...

    def run_of(self, statement: str, values: Sequence[Any], params: Params = ...) -> int:
        """Rows changed for all `values`, which stand where the statement says `IN (:each)`."""
        ...

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """New rows. `table` and `columns` are words of ours, never of a caller."""
        ...
