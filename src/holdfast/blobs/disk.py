"""The one door to everything that changes a disk.

The local store reaches the disk through these verbs only, each one system call that can fail, fall short or be
lost in a power cut. Tests hand in a disk that does so on command. Verbs raise OSError as the system does; they decide
nothing.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

Buffer = bytes | bytearray | memoryview


class Disk(Protocol):
    """Changes to a file system. Nothing is durable until the sync that covers it has returned."""

    def make_directory(self, path: Path) -> None:
        """A new directory, readable by its owner only."""

    def create(self, path: Path) -> int:
        """A new, empty file, readable and writable by its owner only; a descriptor to write it. FileExistsError."""

    def write(self, descriptor: int, buffers: Sequence[Buffer]) -> int:
        """Write some or all of the buffers at the end, in order; how many bytes were taken. At most IOV_MAX buffers."""

    def sync(self, descriptor: int) -> None:
        """Make the bytes of a file durable, and the length needed to read them."""

    def sync_directory(self, path: Path) -> None:
        """Make the entries of a directory durable: what was created in it, linked into it, removed from it."""

    def link(self, source: Path, target: Path) -> None:
        """A second name for a file. FileExistsError, so that of two writers of one name one is refused."""

    def replace(self, source: Path, target: Path) -> None:
        """Give a file another name, which stops meaning what it meant; at once, so that no reader finds neither."""

    def remove(self, path: Path) -> None:
        """Remove a file's name. FileNotFoundError."""


class RoomyDisk(Disk, Protocol):
    """A disk that can say what room it has, and keep some of it for later."""

    def allocate(self, descriptor: int, length: int) -> None:
        """Give a file its first `length` bytes of room. After a failure it has some of them."""

    def free_bytes(self, path: Path) -> int:
        """The room left for this user on the file system of `path`, as far as it tells (quotas are not counted)."""


class SystemDisk:
    """The file system of this machine."""

    def make_directory(self, path: Path) -> None:
        os.mkdir(path, 0o700)

    def create(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def write(self, descriptor: int, buffers: Sequence[Buffer]) -> int:
        return os.writev(descriptor, buffers)

    def sync(self, descriptor: int) -> None:
        os.fdatasync(descriptor)

    def sync_directory(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def link(self, source: Path, target: Path) -> None:
        os.link(source, target, follow_symlinks=False)

    def replace(self, source: Path, target: Path) -> None:
        os.replace(source, target)

    def remove(self, path: Path) -> None:
        os.unlink(path)

    def allocate(self, descriptor: int, length: int) -> None:
        os.posix_fallocate(descriptor, 0, length)

    def free_bytes(self, path: Path) -> int:
        told = os.statvfs(path)
        return told.f_bavail * told.f_frsize
