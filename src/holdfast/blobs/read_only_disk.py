"""The disk of a store that is only read: every change is refused as a read-only file system refuses it."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from holdfast.blobs.disk import Buffer


class ReadOnlyDisk:
    """A disk (blobs.disk) that takes nothing."""

    def make_directory(self, path: Path) -> None:
        raise _refused(path)

    def create(self, path: Path) -> int:
        raise _refused(path)

    def write(self, descriptor: int, buffers: Sequence[Buffer]) -> int:  # noqa: ARG002 - the port's shape
        raise _refused(descriptor)

    def sync(self, descriptor: int) -> None:
        """Nothing was written."""

    def sync_directory(self, path: Path) -> None:
        """Nothing was changed."""

    def link(self, source: Path, target: Path) -> None:  # noqa: ARG002 - the port's shape
        raise _refused(target)

    def replace(self, source: Path, target: Path) -> None:  # noqa: ARG002 - the port's shape
        raise _refused(target)

    def remove(self, path: Path) -> None:
        raise _refused(path)

    def allocate(self, descriptor: int, length: int) -> None:  # noqa: ARG002 - the port's shape
        raise _refused(descriptor)

    def free_bytes(self, path: Path) -> int:  # noqa: ARG002 - the port's shape
        return 0


def _refused(what: object) -> OSError:
    return OSError(errno.EROFS, os.strerror(errno.EROFS), str(what))
