"""Descriptors of files that are read again and again, kept open up to a number.

What is always true here: a descriptor is closed only when no reader is inside it. (Closed earlier, its number could
be given to another file, and the reader would return that file's bytes.)
"""

import contextlib
import os
import threading
from collections import OrderedDict
from pathlib import Path

from holdfast.blobs.regular_file import open_to_read

_LARGE_READ_BYTES = 256 * 1024


class _Open:
    __slots__ = ("descriptor", "readers", "retired")

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.readers = 0
        self.retired = False


class OpenFiles:
    """Reads ranges of files by path; keeps the `files_max` latest open. Safe for many threads. Raises OSError."""

    def __init__(self, files_max: int) -> None:
        self._files_max = files_max
        self._lock = threading.Lock()
        self._files: OrderedDict[str, _Open] = OrderedDict()

    def read(self, path: Path | str, offset: int, length: int) -> bytes:
        """The bytes from `offset`; fewer than `length` only where the file ends."""
        key = str(path)
        file = self._take(key)
        try:
            data = os.pread(file.descriptor, length, offset)
            if data and len(data) < length:
                data = _read_on(file.descriptor, offset, length, data)
            if length >= _LARGE_READ_BYTES:
                # Large ranges are read once, by a restore; see docs/adr/0013. Only advice: the bytes are there.
                with contextlib.suppress(OSError):
                    os.posix_fadvise(file.descriptor, offset, length, os.POSIX_FADV_DONTNEED)
            return data
        finally:
            self._give_back(file)

    def forget(self, path: Path | str) -> None:
        """Stop keeping the file open: its name is about to go."""
        with self._lock:
            file = self._files.pop(str(path), None)
            if file is not None:
                self._retire(file)

    def forget_removed(self) -> None:
        """Stop keeping files open whose name is gone already, by whomever."""
        with self._lock:
            for key, file in list(self._files.items()):
                # A descriptor that cannot be asked is as good as one whose file is gone.
                if _is_gone(file.descriptor):
                    del self._files[key]
                    self._retire(file)

    def close(self) -> None:
        """Close every file; those being read close when their reader leaves."""
        with self._lock:
            while self._files:
                self._retire(self._files.popitem()[1])

    def _take(self, key: str) -> _Open:
        with self._lock:
            file = self._files.get(key)
            if file is not None:
                self._files.move_to_end(key)
                file.readers += 1
                return file
        # Opening may wait for the disk, so it happens outside the lock; of two openers the later one keeps its own.
        file = _Open(open_to_read(key))
        file.readers = 1
        with self._lock:
            if key in self._files:
                file.retired = True
                return file
            self._files[key] = file
            while len(self._files) > self._files_max:
                self._retire(self._files.popitem(last=False)[1])
        return file

    def _give_back(self, file: _Open) -> None:
        with self._lock:
            file.readers -= 1
            last = file.retired and file.readers == 0
        if last:
            _close(file.descriptor)

    def _retire(self, file: _Open) -> None:
        file.retired = True
        if file.readers == 0:
            _close(file.descriptor)


def _is_gone(descriptor: int) -> bool:
    try:
        return os.fstat(descriptor).st_nlink == 0
    except OSError:
        return True


def _close(descriptor: int) -> None:
    # Nothing was written through it, and Linux frees the descriptor even when close fails.
    with contextlib.suppress(OSError):
        os.close(descriptor)


def _read_on(descriptor: int, offset: int, length: int, first: bytes) -> bytes:
    parts = [first]
    got = len(first)
    while got < length:
        more = os.pread(descriptor, length - got, offset + got)
        if not more:
            break
        parts.append(more)
        got += len(more)
    return b"".join(parts)
