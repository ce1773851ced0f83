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

    def numbers(self, table: str, count: int) -> Sequence[int]:
        """Numbers for new rows of `objects` or `chunks`, ascending; the caller inserts the rows at once.

        None is ever given to two rows that become durable, whatever is deleted in between.
        """
        ...

    def alone(self) -> None:
        """No other transaction runs beside this one from its beginning on; for a step that finds it must not share.

        Where it did share until now, everything is undone and all steps are run again: so it must be called before
        anything outside of the transaction is changed.
        """
        ...
