"""SQLite's own doings in the history of a crash disk: the same order, the same power cuts.

It stands on the layer of checksums and notes what really went into the files. The index of the log (`-shm`) is left
out: SQLite makes it anew after a crash. What SQLite's layer for Unix does by itself is noted as it does it: the first
sync of a log or journal that was opened syncs its directory too.
"""

from pathlib import Path

import apsw

from holdfast.catalog.sqlite_file import CHECKSUM_VFS, require_usable_library
from holdfast.testing.crash_disk import History

_SYNCED_WITH_DIRECTORY = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL


class CrashVfs(apsw.VFS):
    """Registered under `name` for as long as it lives; for databases in the directory of `history`."""

    def __init__(self, name: str, history: History) -> None:
        require_usable_library()
        self._history = history
        super().__init__(name, CHECKSUM_VFS)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's
        if name is None:
            return apsw.VFSFile(CHECKSUM_VFS, name, flags)
        return _CrashFile(self._history, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 - SQLite's word
        path = Path(filename).resolve()
        with self._history.lock:
            super().xDelete(filename, False)
            self._history.remove(path)
            if syncdir:
                parent = self._history.node(path.parent)
                assert parent is not None
                self._history.sync(parent)


class _CrashFile(apsw.VFSFile):
    def __init__(self, history: History, name: str | apsw.URIFilename, flags: list[int]) -> None:
        self._history = history
        path = Path(name.filename() if isinstance(name, apsw.URIFilename) else name).resolve()
        with history.lock:
            super().__init__(CHECKSUM_VFS, name, flags)
            node = history.node(path)
            self._node = history.add_file(path) if node is None else node
            self._directory = history.node(path.parent) if flags[0] & _SYNCED_WITH_DIRECTORY else None

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's word
        with self._history.lock:
            super().xWrite(data, offset)
            # Read again: the layer below has put the checksum into the page on its way.
            self._history.write(self._node, offset, bytes(super().xRead(len(data), offset)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - SQLite's word
        with self._history.lock:
            super().xTruncate(newsize)
            self._history.resize(self._node, newsize)

    def xSync(self, flags: int) -> None:  # noqa: ARG002, N802 - SQLite's word; no time is spent on the disk's own sync
        with self._history.lock:
            self._history.sync(self._node)
            if self._directory is not None:
                self._history.sync(self._directory)
                self._directory = None
