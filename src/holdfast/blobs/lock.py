"""One process at a time over a store directory.

The lock is the kernel's (flock on DIR/lock): it ends with the process that holds it, however that dies, and a stale
file means nothing. The holder writes its pid, and its address once it has one, so that whoever is refused is told
where to go instead.
"""

import contextlib
import fcntl
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from holdfast.blobs.disk_errors import write_error
from holdfast.model.errors import Unavailable

LOCK_NAME = "lock"
_NOTE_BYTES_MAX = 4096


class StoreLock:
    """Holds the store in `directory` (which exists) from its making until `close`. Unavailable if another has it."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / LOCK_NAME
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as failed:
            raise write_error(failed, "lock", self._path) from failed
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as held:
            message = _refusal(directory, self._read_note())
            os.close(self._descriptor)
            raise Unavailable(message) from held
        except OSError as failed:
            os.close(self._descriptor)
            raise write_error(failed, "lock", self._path) from failed
        self._note("")

    def announce(self, endpoint: str) -> None:
        """Tell those who come later that the store is served at `endpoint` (a URL)."""
        self._note(endpoint)

    def close(self) -> None:
        """Let the next process in."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read_note(self) -> bytes:
        with contextlib.suppress(OSError):
            return os.pread(self._descriptor, _NOTE_BYTES_MAX, 0)
        return b""

    def _note(self, endpoint: str) -> None:
        # A full disk must not keep a store from being opened: the note is a courtesy, the lock is held without it.
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n{endpoint}\n".encode(), 0)


@contextmanager
def shared_lock(directory: Path) -> Iterator[None]:
    """Keeps out processes that would change the store in `directory` while it is only read.

    Raises Unavailable if one has it open.
    """
    try:
        descriptor = os.open(directory / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        # Not copied along, or not ours to read: then there is no process to keep out.
        yield
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError as held:
            raise Unavailable(_refusal(directory, os.pread(descriptor, _NOTE_BYTES_MAX, 0))) from held
        except OSError as failed:
            raise write_error(failed, "lock", directory / LOCK_NAME) from failed
        yield
    finally:
        os.close(descriptor)


def _refusal(directory: Path, note: bytes) -> str:
    pid, _, rest = note.decode("utf-8", "replace").partition("\n")
    holder = f"the store {directory} is in use by process {pid.strip() or 'unknown'}"
    if not rest.strip():
        return f"{holder}, which serves no other: wait until it ends, stop it, or choose another store"
    data = shlex.quote(os.path.abspath(directory))
    return (
        f'{holder}, which serves it at {rest.strip()}: use that, by eval "$(holdfast env --data {data})" and without'
        " --store; or stop that process, or choose another store"
    )
