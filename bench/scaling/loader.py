"""How a catalog is filled from the side: rows in bulk, without the service, with nobody else looking."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from holdfast.catalog.transaction import Row

FILLED = ("objects", "object_chunks", "chunks")
"""The tables that grow with a vault. Their indexes are taken away for the filling and built again at its end."""


class Loader(Protocol):
    """A catalog that only this process has open, from entry to exit; after `finish` it is as the service left it."""

    def rows(self, statement: str, params: Sequence[Any] = ...) -> list[Row]:
        """All rows of a statement that reads."""
        ...

    def clear(self, chunk_nos: Sequence[int]) -> None:
        """Takes the indexes away, all rows of objects and references, and those of these chunks."""
        ...

    def load(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """New rows, in order of their primary key."""
        ...

    def change(self, statement: str, params: Sequence[Any]) -> None:
        """A statement that writes; parameters are `?`."""
        ...

    def finish(self, next_object_no: int, next_chunk_no: int) -> None:
        """Builds the indexes again, and lets the service count on from these numbers."""
        ...

    def sizes(self) -> dict[str, int]:
        """Bytes of each table, its indexes with it."""
        ...
