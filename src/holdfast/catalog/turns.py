"""Whose turn it is to write, among the processes that have one SQLite catalog open.

SQLite lets one of them write at a time, but who finds another writing sleeps and tries again: while some write without
pause, others may find the door shut for a second. Here they queue: the kernel wakes the next one when its turn comes.
It decides nothing but the order. Without it, or where the file system has no such lock, SQLite's own still holds.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Turns:
    """The queue before the catalogs in `directory`. For one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self._descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Waits for its turn, which ends with the block, or with the process."""
        with suppress(OSError):
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            with suppress(OSError):
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """No more turns."""
        os.close(self._descriptor)
