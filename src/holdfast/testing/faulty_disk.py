"""A disk that fails, falls short or runs full on command, over the real one.

It does what the kernel does: a short write takes a part and returns the count, a full disk takes what fits and then
raises, a failed sync raises once. Every verb is recorded, so that a test can say what must not have been called again.
"""

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from holdfast.blobs.disk import Buffer, RoomyDisk, SystemDisk


class FaultyDisk:
    """A Disk for tests. `faults` maps a verb's name to what may raise before the verb is done."""

    def __init__(self, disk: RoomyDisk | None = None) -> None:
        self._disk: RoomyDisk = SystemDisk() if disk is None else disk
        self.faults: dict[str, Callable[[], None]] = {}
        self.write_bytes_max: int | None = None
        """Take at most so many bytes per write."""
        self.room_bytes: int | None = None
        """Take so many bytes more, then be full; what is removed makes room again."""
        self.calls: list[tuple[str, object]] = []
        """(verb, path or file name of the descriptor), in order."""

    def fail(self, verb: str, error: int, *, after: int = 0, times: int = 1) -> None:
        """Let `verb` raise OSError(error) `times` times, after `after` more calls that go well."""
        remaining = {"before": after, "faults": times}

        def fault() -> None:
            if remaining["before"]:
                remaining["before"] -= 1
            elif remaining["faults"]:
                remaining["faults"] -= 1
                raise OSError(error, os.strerror(error))

        self.faults[verb] = fault

    def count(self, verb: str) -> int:
        """How often `verb` was called."""
        return sum(1 for called, _ in self.calls if called == verb)

    def make_directory(self, path: Path) -> None:
        self._enter("make_directory", path)
        self._disk.make_directory(path)

    def create(self, path: Path) -> int:
        self._enter("create", path)
        return self._disk.create(path)

    def write(self, descriptor: int, buffers: Sequence[Buffer]) -> int:
        self._enter("write", _path_of(descriptor))
        room = min(
            (limit for limit in (self.write_bytes_max, self.room_bytes) if limit is not None),
            default=None,
        )
        if room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = self._disk.write(descriptor, buffers if room is None else _first_bytes(buffers, room))
        if self.room_bytes is not None:
            self.room_bytes -= taken
        return taken

    def sync(self, descriptor: int) -> None:
        self._enter("sync", _path_of(descriptor))
        self._disk.sync(descriptor)

    def sync_directory(self, path: Path) -> None:
        self._enter("sync_directory", path)
        self._disk.sync_directory(path)

    def link(self, source: Path, target: Path) -> None:
        self._enter("link", target)
        self._disk.link(source, target)

    def replace(self, source: Path, target: Path) -> None:
        self._enter("replace", target)
        self._disk.replace(source, target)

    def remove(self, path: Path) -> None:
        self._enter("remove", path)
        told = path.lstat() if self.room_bytes is not None and path.exists() else None
        self._disk.remove(path)
        if told is not None and told.st_nlink == 1 and self.room_bytes is not None:
            self.room_bytes += told.st_size

    def allocate(self, descriptor: int, length: int) -> None:
        self._enter("allocate", _path_of(descriptor))
        if self.room_bytes is not None:
            if length > self.room_bytes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.room_bytes -= length
        self._disk.allocate(descriptor, length)

    def free_bytes(self, path: Path) -> int:
        free = self._disk.free_bytes(path)
        return free if self.room_bytes is None else min(free, self.room_bytes)

    def _enter(self, verb: str, subject: object) -> None:
        self.calls.append((verb, subject))
        if verb in self.faults:
            self.faults[verb]()


def _path_of(descriptor: int) -> Path:
    return Path(os.readlink(f"/proc/self/fd/{descriptor}"))


def _first_bytes(buffers: Sequence[Buffer], room: int) -> list[Buffer]:
    first: list[Buffer] = []
    for buffer in buffers:
        if len(buffer) >= room:
            first.append(memoryview(buffer)[:room])
            break
        first.append(buffer)
        room -= len(buffer)
    return first
