"""An open directory: every path the agent touches is one component relative to one of these.

Opening never follows a symbolic link, so nothing that happens to a path while the agent works can lead it elsewhere. A
descriptor is closed when nobody holds its Directory any more: scanner and workers share one without counting.
"""

import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock

OPEN_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_KEPT = 128


class Directory:
    """Owns one descriptor of a directory. The rest is what agent.target found out about it, None at first."""

    __slots__ = ("fd", "folds", "inherits", "is_open", "listed")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.inherits: bool | None = None
        self.folds: bool | None = None
        self.is_open = False
        """Whether it is known to be open to who restores."""
        self.listed: set[bytes] = set()

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        close(self.fd)  # bound early: at the very end of the program the module `os` may be gone already

    def open(self, name: str | bytes) -> "Directory":
        """The subdirectory `name`. Raises OSError: ENOTDIR or ELOOP where a link or a file is in its place."""
        return Directory(os.open(name, OPEN_FLAGS, dir_fd=self.fd))

    def walk(self, names: Sequence[str | bytes]) -> "Directory":
        """The directory reached by opening each of `names` in turn."""
        current = self
        for name in names:
            current = current.open(name)
        return current


def open_root(path: str | bytes) -> Directory:
    """The directory at `path` as the user named it: here, and only here, links in the path are followed."""
    return Directory(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))


class OpenDirectories:
    """The directories below one root that were used last, by their raw components. Safe for several threads."""

    def __init__(self, root: Directory) -> None:
        self.root = root
        self._kept: OrderedDict[tuple[bytes, ...], Directory] = OrderedDict()
        self._lock = Lock()

    def open(self, parts: tuple[bytes, ...]) -> Directory:
        """The directory at `parts`, opened component by component from the nearest one kept. Raises OSError."""
        if not parts:
            return self.root
        with self._lock:
            found = self._kept.get(parts)
            if found is not None:
                self._kept.move_to_end(parts)
                return found
        opened = self._nearest(parts)
        self.keep(parts, opened)
        return opened

    def _nearest(self, parts: tuple[bytes, ...]) -> Directory:
        with self._lock:
            for depth in range(len(parts) - 1, 0, -1):
                ancestor = self._kept.get(parts[:depth])
                if ancestor is not None:
                    return ancestor.walk(parts[depth:])
        return self.root.walk(parts)

    def keep(self, parts: tuple[bytes, ...], directory: Directory) -> None:
        """Remember `directory` as what was opened at `parts`."""
        with self._lock:
            self._kept[parts] = directory
            self._kept.move_to_end(parts)
            if len(self._kept) > _OPEN_KEPT:
                self._kept.popitem(last=False)
