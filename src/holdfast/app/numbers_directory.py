"""The directory in which the workers of one service count.

It is in memory and never on the store's disk: a page of a mapped file that cannot be had, because a disk is full, ends
the process that writes to it. For the same reason all the room is taken when it is made. What is always true here: it
is the supervisor's, by a lock that ends with it, and one that was left behind is removed by the next service.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from holdfast.model.errors import Unavailable
from holdfast.observe import worker_numbers

_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of our own is made in it
_PREFIX = "holdfast-workers-"


class NumbersDirectory:
    """A new one for so many workers, until `close`."""

    def __init__(self, workers: int, parent: Path | None = None) -> None:
        """`parent` is where directories of this kind are. Raises Unavailable where there is no room."""
        where = parent or (_IN_MEMORY if _IN_MEMORY.is_dir() else Path(tempfile.gettempdir()))
        _remove_abandoned(where)
        try:
            made = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}", dir=where))
        except OSError as refused:
            raise _refusal(where, workers, refused) from refused
        # Nobody may take it for abandoned before it is locked.
        self._lock = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.path = made.rename(made.with_name(made.name.removeprefix(".")))
        try:
            for worker in range(1, workers + 1):
                for file in worker_numbers.files(self.path, worker):
                    _make(file)
        except OSError as refused:
            self.close()
            raise _refusal(where, workers, refused) from refused

    def close(self) -> None:
        """For when no worker counts any more."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _refusal(where: Path, workers: int, refused: OSError) -> Unavailable:
    return Unavailable(
        f"there is no room in {where} for the numbers of {workers} workers: {refused.strerror or refused}; free some,"
        " or use fewer --workers"
    )


def _make(file: Path) -> None:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, worker_numbers.FILE_BYTES)
    finally:
        os.close(descriptor)


def _remove_abandoned(where: Path) -> None:
    for left in where.glob(f"{_PREFIX}*"):
        # Those of other users cannot be opened, and those of services that run are locked.
        with contextlib.suppress(OSError):
            descriptor = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(descriptor).st_uid == os.geteuid():
                    shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(descriptor)
