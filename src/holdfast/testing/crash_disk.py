"""A disk that remembers everything that was done to it, so that every power cut can be tried afterwards.

It works on a real directory through the real disk, and writes down each verb with its bytes. What a power cut after
any of them may leave is for `testing.crash_states`. SQLite's own files join the same history by `testing.crash_vfs`, so
that one history covers packs and catalog in the order in which things happened.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.blobs.disk import Buffer, SystemDisk

ROOT = 0
"""The node of the directory that a history is about."""


@dataclass(frozen=True, slots=True)
class Names:
    """Names changed together: (directory, name, node or None). Durable with a sync of the last one's directory."""

    changes: tuple[tuple[int, str, int | None], ...]


@dataclass(frozen=True, slots=True)
class Written:
    """Bytes of a file changed."""

    node: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Resized:
    """A file cut off, or made longer with zeros."""

    node: int
    size: int


@dataclass(frozen=True, slots=True)
class Synced:
    """A file or a directory made durable."""

    node: int


Event = Names | Written | Resized | Synced


@dataclass(slots=True)
class Tree:
    """Files by their bytes and directories by their names, as nodes."""

    files: dict[int, bytearray] = field(default_factory=dict)
    directories: dict[int, dict[str, int]] = field(default_factory=lambda: {ROOT: {}})


class History:
    """What was done to `root` and everything below it since now, one event after the other."""

    def __init__(self, root: Path) -> None:
        """What `root` (which exists) holds now counts as durable; the index of SQLite's log is nobody's."""
        self.root = root.resolve()
        self.lock = threading.RLock()
        """Held over each change and its noting, so that the order of both is the same."""
        self.events: list[Event] = []
        self.before = Tree()
        """What was there at the beginning."""
        self._names: dict[int, dict[str, int]] = {ROOT: {}}
        self._sizes: dict[int, int] = {}
        self.directories: set[int] = {ROOT}
        """Which nodes are directories; all others are files."""
        self._nodes = ROOT
        self._find(self.root, ROOT)

    @property
    def position(self) -> int:
        """How many events there are so far: what was answered at this position follows from these."""
        with self.lock:
            return len(self.events)

    def add_directory(self, path: Path) -> None:
        """A directory was made."""
        node = self._new_node()
        self.directories.add(node)
        self._names[node] = {}
        self._name(path, node)

    def add_file(self, path: Path) -> int:
        """A new and empty file was made; its node."""
        node = self._new_node()
        self._sizes[node] = 0
        self._name(path, node)
        return node

    def node(self, path: Path) -> int | None:
        """What stands under `path` now; None where nothing does."""
        node: int | None = ROOT
        for part in path.relative_to(self.root).parts:
            node = self._names.get(node, {}).get(part) if node is not None else None
        return node

    def size(self, node: int) -> int:
        """The length of a file now."""
        return self._sizes[node]

    def write(self, node: int, offset: int, data: bytes) -> None:
        """Bytes of a file were changed."""
        self._sizes[node] = max(self._sizes[node], offset + len(data))
        self.events.append(Written(node, offset, data))

    def resize(self, node: int, size: int) -> None:
        """A file was given another length."""
        self._sizes[node] = size
        self.events.append(Resized(node, size))

    def sync(self, node: int) -> None:
        """A file or directory was made durable."""
        self.events.append(Synced(node))

    def link(self, source: Path, target: Path) -> None:
        """A file was given a second name."""
        self._name(target, self._present(source))

    def rename(self, source: Path, target: Path) -> None:
        """A file's name was changed, in one step."""
        node = self._present(source)
        changes: list[tuple[int, str, int | None]] = []
        for path, stands_for in ((source, None), (target, node)):
            changes.append((self._present(path.parent), path.name, stands_for))
        self._note(tuple(changes))

    def remove(self, path: Path) -> None:
        """A name was removed."""
        self._name(path, None)

    def _name(self, path: Path, node: int | None) -> None:
        self._note(((self._present(path.parent), path.name, node),))

    def _note(self, changes: tuple[tuple[int, str, int | None], ...]) -> None:
        for directory, name, node in changes:
            if node is None:
                self._names[directory].pop(name, None)
            else:
                self._names[directory][name] = node
        self.events.append(Names(changes))

    def _present(self, path: Path) -> int:
        node = self.node(path)
        if node is None:
            raise LookupError(f"{path} was made behind the back of the history: make it through its disk, or before it")
        return node

    def _new_node(self) -> int:
        self._nodes += 1
        return self._nodes

    def _find(self, path: Path, directory: int) -> None:
        for entry in sorted(path.iterdir()):
            if entry.name.endswith("-shm"):
                continue
            node = self._new_node()
            self._names[directory][entry.name] = self.before.directories[directory][entry.name] = node
            if entry.is_dir():
                self.directories.add(node)
                self._names[node] = {}
                self.before.directories[node] = {}
                self._find(entry, node)
            else:
                data = bytearray(entry.read_bytes())
                self.before.files[node] = data
                self._sizes[node] = len(data)


class CrashDisk(SystemDisk):
    """The real disk, with every verb noted in `history`."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._descriptors: dict[int, int] = {}

    def make_directory(self, path: Path) -> None:
        with self._history.lock:
            super().make_directory(path)
            self._history.add_directory(path)

    def create(self, path: Path) -> int:
        with self._history.lock:
            descriptor = super().create(path)
            self._descriptors[descriptor] = self._history.add_file(path)
            return descriptor

    def write(self, descriptor: int, buffers: Sequence[Buffer]) -> int:
        with self._history.lock:
            taken = super().write(descriptor, buffers)
            node = self._descriptors[descriptor]
            self._history.write(node, self._history.size(node), b"".join(buffers)[:taken])
            return taken

    def sync(self, descriptor: int) -> None:
        # What the disk itself keeps of it does not matter here, so that no time is spent on waiting for it.
        with self._history.lock:
            self._history.sync(self._descriptors[descriptor])

    def sync_directory(self, path: Path) -> None:
        with self._history.lock:
            node = self._history.node(path)
            if node is None:
                return super().sync_directory(path)  # it says why that cannot be
            return self._history.sync(node)

    def link(self, source: Path, target: Path) -> None:
        with self._history.lock:
            super().link(source, target)
            self._history.link(source, target)

    def replace(self, source: Path, target: Path) -> None:
        with self._history.lock:
            super().replace(source, target)
            self._history.rename(source, target)

    def remove(self, path: Path) -> None:
        with self._history.lock:
            super().remove(path)
            self._history.remove(path)

    def allocate(self, descriptor: int, length: int) -> None:
        with self._history.lock:
            super().allocate(descriptor, length)
            self._history.resize(self._descriptors[descriptor], length)
