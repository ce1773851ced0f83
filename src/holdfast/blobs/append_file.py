"""A local file that only grows, and stops for good at its first failure (blobs/port.py, AppendFile).

What is always true here: after a failed write or sync the descriptor is never written to or synced again. The kernel
reports a lost page once and then calls it clean, so a second fsync that succeeds proves nothing.
"""

import contextlib
import errno
import os
from collections.abc import Sequence
from pathlib import Path

from holdfast.blobs.disk import Buffer, Disk
from holdfast.blobs.disk_errors import write_error
from holdfast.model.errors import Unavailable

IOV_MAX = os.sysconf("SC_IOV_MAX")

_CACHED_BYTES_MAX = 1 << 20
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class LocalAppendFile:
    """An AppendFile over a descriptor that it owns. Not for two threads at once."""

    def __init__(self, disk: Disk, descriptor: int, path: Path) -> None:
        self._disk = disk
        self._descriptor = descriptor
        self._path = path
        self._size = 0
        self._cached_from = 0
        self._poisoned = False
        self._closed = False

    @property
    def size(self) -> int:
        return self._size

    def append(self, parts: Sequence[Buffer]) -> int:
        self._refuse_if_poisoned()
        offset = self._size
        try:
            self._size += write_all(self._disk, self._descriptor, parts)
        except BaseException as failed:
            # Whatever stopped the write, how much of it arrived is unknown: no frame may follow it in this file.
            self._poisoned = True
            if isinstance(failed, OSError):
                raise write_error(failed, "append to", self._path) from failed
            raise
        return offset

    def sync(self) -> None:
        self._refuse_if_poisoned()
        try:
            self._disk.sync(self._descriptor)
            found = os.fstat(self._descriptor)
        except BaseException as failed:
            self._poisoned = True
            if isinstance(failed, OSError):
                raise write_error(failed, "make durable", self._path) from failed
            raise
        if found.st_nlink == 0 or found.st_size != self._size:
            # Somebody removed or cut it behind our back: what was appended is durable where nobody will find it.
            self._poisoned = True
            raise Unavailable(f"{self._path} was removed or altered by somebody else while it was being written")
        self._leave_cache()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._poisoned = True
        # Nothing was promised after the last sync, and Linux frees the descriptor even when close fails.
        with contextlib.suppress(OSError):
            os.close(self._descriptor)

    def _leave_cache(self) -> None:
        """Give the page cache back what is durable: seldom read soon, it would push out what others read.

        On virtual machines whose memory is backed on first touch this also is five times faster, since the next pages
        written are those just given back (docs/adr/0013).
        """
        if self._size - self._cached_from < _CACHED_BYTES_MAX:
            return
        with contextlib.suppress(OSError):
            os.posix_fadvise(
                self._descriptor, self._cached_from, self._size - self._cached_from, os.POSIX_FADV_DONTNEED
            )
        self._cached_from = self._size - self._size % _PAGE_BYTES

    def _refuse_if_poisoned(self) -> None:
        if self._poisoned:
            raise Unavailable(f"{self._path} takes no more data: it is closed, or an earlier write to it failed")


def write_all(disk: Disk, descriptor: int, parts: Sequence[Buffer]) -> int:
    """Write every byte of `parts`, however little each call takes; how many bytes that were. Raises OSError."""
    total = 0
    pending = [part for part in parts if len(part)]
    start = 0
    while start < len(pending):
        batch = pending[start : start + IOV_MAX]
        taken = disk.write(descriptor, batch)
        if taken <= 0:
            raise OSError(errno.EIO, "the system wrote nothing and gave no reason")
        total += taken
        for part in batch:
            if taken < len(part):
                break
            taken -= len(part)
            start += 1
        if taken:
            pending[start] = memoryview(pending[start])[taken:]
    return total
