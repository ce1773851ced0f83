"""One open transaction, as the modules of the nouns see it, whatever the database."""

from collections.abc import Iterable, Iterator, Mapping
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

    def many(self, statement: str, params: Iterable[Params]) -> None:
        """The statement once for each of `params`."""
        ...

    def stream(self, statement: str, params: Params = ...) -> Iterator[Row]:
        """Rows one by one; the caller reads to the end before anything else happens in the transaction."""
        ...
