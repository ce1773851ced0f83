"""Walks a directory tree in the byte order of the object names, as a stream.

The order is that of the service's own lists, so that two streams can be merged (agent.compare). It costs one sorted
list of names per open directory: a directory stands in its parent's list twice, as `name` (the object) and as `name/`
(all that lies below), because siblings such as `name!` sort between the two. Names without surrogates compare as their
UTF-8 does.

Links are never followed: everything is reached by directory descriptors. What cannot be seen is said (`Unseen`), so
that nobody takes it for deleted; what vanished while being scanned is simply not there.
"""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

from holdfast.agent import names
from holdfast.agent.attributes import kind_of
from holdfast.agent.directory import Directory
from holdfast.agent.exclude import Exclusion
from holdfast.model.limits import OBJECT_NAME_BYTES_MAX

CACHE_TAG = "CACHEDIR.TAG"
_CACHE_SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55"
_OPEN_LEVELS_MAX = 64
_NO_DIRECTORY_NOW = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)  # the next backup sees what stands there instead
_CHARACTER_BYTES_MAX = 4


@dataclass(frozen=True, slots=True)
class Options:
    """What a scan leaves out. `skip` holds (device, inode) of directories never entered, such as the store itself."""

    exclusion: Exclusion = field(default_factory=lambda: Exclusion(()))
    exclude_caches: bool = False
    one_file_system: bool = False
    skip: frozenset[tuple[int, int]] = frozenset()


class Entry:
    """One thing to back up: its object name, where to open it (`directory`, `leaf`) and its status when scanned.

    `is_top` says that it stands for the source itself: the root directory, or the only file.
    """

    __slots__ = ("directory", "is_top", "kind", "leaf", "name", "status")

    def __init__(
        self, name: str, directory: Directory, leaf: str, status: os.stat_result, kind: str, is_top: bool = False
    ) -> None:
        self.name = name
        self.directory = directory
        self.leaf = leaf
        self.status = status
        self.kind = kind
        self.is_top = is_top


@dataclass(frozen=True, slots=True)
class Unseen:
    """A name (or with `subtree`, every name below it) that could not be looked at, and why."""

    name: str
    reason: str
    subtree: bool


@dataclass(frozen=True, slots=True)
class Ignored:
    """A socket: it has no contents and is made anew by its program."""

    name: str


Event = Entry | Unseen | Ignored


class _Level:
    """A directory being walked. `directory` is None while it is closed because the tree is deep."""

    __slots__ = ("directory", "identity", "keys", "leaf", "odd", "path", "prefix", "sealed")

    def __init__(self, directory: Directory, leaf: str, prefix: str, path: str, status: os.stat_result) -> None:
        self.directory: Directory | None = directory
        self.leaf = leaf
        self.prefix = prefix
        self.path = path
        self.identity = (status.st_dev, status.st_ino)
        self.odd: dict[str, str] = {}
        self.sealed: set[str] = set()
        self.keys: Iterator[str] = iter(())


def scan(root: Directory, options: Options) -> Iterator[Event]:
    """Everything below `root`, and `root` itself under the name '/', ordered by name."""
    return _Scan(root, options).events()


def scan_one(directory: Directory, leaf: str) -> Iterator[Event]:
    """The single file `leaf` as one object named after it. Raises OSError where it cannot be looked at."""
    status = os.stat(leaf, dir_fd=directory.fd, follow_symlinks=False)
    name = names.escape(leaf)
    kind = kind_of(status)
    yield Ignored(name) if kind is None else Entry(name, directory, leaf, status, kind, is_top=True)


class _Scan:
    def __init__(self, root: Directory, options: Options) -> None:
        self._root = root
        self._options = options
        self._stack: list[_Level] = []
        self._device = os.fstat(root.fd).st_dev

    def events(self) -> Iterator[Event]:
        root = _Level(self._root, "", "", "", os.fstat(self._root.fd))
        self._list(root, extra=[names.ROOT])  # raises OSError: a source that cannot be listed is no backup
        self._stack.append(root)
        while self._stack:
            level = self._stack[-1]
            key = next(level.keys, None)
            if key is None:
                self._stack.pop()
            elif level.directory is None and not self._reopen(level):
                self._stack.pop()
                yield Unseen(level.prefix, "the directory was replaced while it was being read", subtree=True)
            elif key == names.ROOT:
                yield Entry(names.ROOT, self._root, ".", os.fstat(self._root.fd), "d", is_top=True)
            elif key[-1] == "/":
                yield from self._descend(level, key)
            else:
                yield from self._look(level, key)

    def _look(self, level: _Level, key: str) -> Iterator[Event]:
        leaf = level.odd.get(key, key)
        name = level.prefix + key
        assert level.directory is not None
        try:
            status = os.stat(leaf, dir_fd=level.directory.fd, follow_symlinks=False)
        except FileNotFoundError:
            return
        except OSError as error:
            yield Unseen(name, error.strerror or str(error), subtree=False)
            return
        if len(name) * _CHARACTER_BYTES_MAX > OBJECT_NAME_BYTES_MAX and len(name.encode()) > OBJECT_NAME_BYTES_MAX:
            level.sealed.add(key + "/")
            reason = (
                f"its path is too long: {len(name.encode())} bytes as an object name, {OBJECT_NAME_BYTES_MAX} at most"
            )
            yield Unseen(name, reason, subtree=False)
            return
        kind = kind_of(status)
        if kind is None:
            yield Ignored(name)
            return
        if kind == "d" and not self._may_enter(status):
            level.sealed.add(key + "/")
        yield Entry(name, level.directory, leaf, status, kind)

    def _may_enter(self, status: os.stat_result) -> bool:
        if self._options.one_file_system and status.st_dev != self._device:
            return False
        return (status.st_dev, status.st_ino) not in self._options.skip

    def _descend(self, parent: _Level, key: str) -> Iterator[Event]:
        if key in parent.sealed:
            return
        prefix = parent.prefix + key
        leaf = parent.odd.get(key[:-1], key[:-1])
        assert parent.directory is not None
        try:
            directory = parent.directory.open(leaf)
            level = _Level(directory, leaf, prefix, f"{parent.path}{leaf}/", os.fstat(directory.fd))
            self._list(level)
        except OSError as error:
            if error.errno in _NO_DIRECTORY_NOW:
                return
            yield Unseen(prefix, error.strerror or str(error), subtree=True)
            return
        self._stack.append(level)
        if len(self._stack) > _OPEN_LEVELS_MAX:
            self._stack[-_OPEN_LEVELS_MAX].directory = None

    def _list(self, level: _Level, extra: list[str] | None = None) -> None:
        assert level.directory is not None
        keys = extra or []
        exclusion = self._options.exclusion
        with os.scandir(level.directory.fd) as listing:
            for found in listing:
                leaf = found.name
                is_directory = found.is_dir(follow_symlinks=False)
                if exclusion and exclusion.matches(level.path + leaf, leaf, is_directory):
                    continue
                key = names.escape(leaf)
                if key != leaf:
                    level.odd[key] = leaf
                keys.append(key)
                if is_directory:
                    keys.append(key + "/")
        if self._options.exclude_caches and CACHE_TAG in keys and _is_cache(level.directory):
            keys = [key for key in keys if key in (CACHE_TAG, names.ROOT)]
        keys.sort()
        level.keys = iter(keys)

    def _reopen(self, level: _Level) -> bool:
        """Opens a level again that was closed for depth; False unless it is still the same directory."""
        leaves = [one.leaf for one in self._stack[1:]]
        try:
            directory = self._root.walk(leaves)
            status = os.fstat(directory.fd)
        except OSError:
            return False
        level.directory = directory
        return (status.st_dev, status.st_ino) == level.identity


def _is_cache(directory: Directory) -> bool:
    try:
        fd = os.open(CACHE_TAG, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory.fd)
    except OSError:
        return False
    try:
        return stat.S_ISREG(os.fstat(fd).st_mode) and os.read(fd, len(_CACHE_SIGNATURE)) == _CACHE_SIGNATURE
    except OSError:
        return False
    finally:
        os.close(fd)
