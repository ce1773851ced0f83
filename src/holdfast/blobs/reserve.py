"""Room that is kept back, so that on a full disk what frees room can still be done.

A file of a fixed length that holds nothing. While it is there whole, the store takes whatever comes. When the disk has
run full, whoever frees room (a deletion, a collection) may have it released; from then on nothing else is taken until
it is whole again. What is always true here: the reserve is taken up again only where the disk tells of room for all of
it, so that trying takes nothing from those who write meanwhile. Several processes may share one reserve: what counts is
the file, which each looks at before it takes something, and one makes it at a time. On file systems that compress or
copy on write, a length that is allocated may promise nothing; then a full disk needs room made by hand.
"""

import contextlib
import errno
import fcntl
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from holdfast.blobs.disk import RoomyDisk, SystemDisk
from holdfast.model.errors import DiskFull
from holdfast.model.limits import MIB

RESERVE_NAME = "reserve"
# What compaction copies out of one pack of 64 MiB before that can go, and a full log of the catalog (docs/adr/0041).
RESERVE_BYTES_DEFAULT = 80 * MIB

_MARGIN_BYTES = MIB
_FULL = (errno.ENOSPC, errno.EDQUOT)


R = TypeVar("R")


class Reserve:
    """`bytes_kept` of room in `directory` (which exists); of 0 bytes it is always whole and gives nothing."""

    def __init__(self, directory: Path, bytes_kept: int, *, disk: RoomyDisk | None = None) -> None:
        """Makes the file if there is room, and takes away one that is too long or too short."""
        self._path = directory / RESERVE_NAME
        self._bytes_kept = bytes_kept
        self._disk: RoomyDisk = SystemDisk() if disk is None else disk
        self._lock = threading.Lock()
        self._kept = self._is_there()
        """Whether there was a file when this process last looked; a disk may not be able to keep one."""
        self._whole = self._kept
        if not self._whole:
            self._whole = self._make()

    @property
    def whole(self) -> bool:
        """Whether all of the room is kept."""
        if self._whole and self._kept and not self._is_there():
            # Another process has released it.
            self._whole = False
        return self._whole

    def ensure(self) -> bool:
        """Whether the reserve is whole, after an attempt to make it so if it is not."""
        if not self.whole:
            with self._lock:
                self._whole = self._make()
        return self._whole

    def lend(self, action: Callable[[], R]) -> R:
        """What `action` returns; where the disk is too full for it, the reserve is released and it is done again."""
        try:
            return action()
        except DiskFull:
            if not self.release():
                raise
        return action()

    def release(self) -> bool:
        """Gives the room to the file system; False if there was none to give."""
        with self._lock:
            believed, self._whole = self._whole and self._kept, False
            if not self._bytes_kept:
                return False
            if not self._path.exists():
                # If it was there when we last looked, another process has just given it.
                return believed
            return self._drop()

    def shortage(self) -> str:
        """What is free and what has to be before the reserve is whole again."""
        wanted = (self._bytes_kept + _MARGIN_BYTES) / MIB
        try:
            free = f"{self._disk.free_bytes(self._path.parent) / MIB:.1f} MiB"
        except OSError:
            free = "an unknown part"
        return f"{free} are free and {wanted:.1f} MiB are kept back to delete and collect with, see --reserve"

    def _make(self) -> bool:
        self._kept = False
        try:
            if not self._is_there() and self._clear() and self._bytes_kept:
                if self._disk.free_bytes(self._path.parent) < self._bytes_kept + _MARGIN_BYTES:
                    return False
                self._allocate()
        except FileExistsError:
            # Another process was quicker.
            pass
        except OSError as refused:
            # A disk that cannot keep room is no full one: the store goes on without a reserve, as it would elsewhere.
            return refused.errno not in _FULL
        self._kept = self._is_there()
        return self._kept or not self._bytes_kept

    def _allocate(self) -> None:
        descriptor = self._disk.create(self._path)
        try:
            # Whoever finds the file unfinished and not locked takes it away.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._disk.allocate(descriptor, self._bytes_kept)
        except OSError:
            self._drop()
            raise
        finally:
            os.close(descriptor)

    def _clear(self) -> bool:
        """Takes away a file of another length; False if one is left, because another process is making it."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return not self._is_there() and self._drop()
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)

    def _is_there(self) -> bool:
        try:
            return bool(self._bytes_kept) and self._path.lstat().st_size == self._bytes_kept
        except OSError:
            return False

    def _drop(self) -> bool:
        with contextlib.suppress(OSError):
            self._disk.remove(self._path)
            # Some file systems give blocks out again only once the removal is on disk.
            self._disk.sync_directory(self._path.parent)
            return True
        return False
