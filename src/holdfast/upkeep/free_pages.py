"""Gives room inside the catalog's file back to the file system, once a quarter of the file or more is free.

Rows that are swept leave free pages, which later rows fill; only where many were removed is the file made shorter, a
few hundred pages a step, because each step holds the one writer.
"""

from typing import Protocol

from holdfast.catalog import file_pages
from holdfast.model.purpose import Purpose
from holdfast.upkeep.gain import Gain
from holdfast.upkeep.worker import Reader, Writes

_PAGES_PER_STEP = 400
_FREE_PAGES_MIN = 1024


class Shrinks(Protocol):
    """A catalog in a file of pages (catalog.sqlite)."""

    def give_back(self, pages: int) -> int: ...


class FreePages:
    """Shortens the catalog's file; for one thread at a time, or several without harm."""

    def __init__(
        self, catalog: Reader, writes: Writes, file: Shrinks, *, free_pages_min: int = _FREE_PAGES_MIN
    ) -> None:
        """Leaves a file alone that has fewer than `free_pages_min` free pages."""
        self._catalog = catalog
        self._writes = writes
        self._file = file
        self._free_pages_min = free_pages_min
        self._possible = True

    def step(self, now_us: int) -> Gain | None:  # noqa: ARG002 - no time is a reason; workers look alike
        """Gives back up to 400 pages."""
        with self._catalog.snapshot() as tx:
            free, total = file_pages.free_and_total(tx)
        if not self._possible or free < self._free_pages_min or free * 4 < total:
            return None
        given = self._writes.submit((), lambda _tx, _: self._file.give_back(_PAGES_PER_STEP), purpose=Purpose.FREE)
        # A file that was made without the means to shrink never will.
        self._possible = given > 0
        return Gain() if given else None
