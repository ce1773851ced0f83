"""A commit of the catalog is on disk before anybody hears of it: seen by the sync of its log, not by a setting."""

from pathlib import Path

import apsw

from holdfast.catalog.sqlite import SqliteCatalog
from holdfast.catalog.sqlite_file import CHECKSUM_VFS, require_usable_library


class WatchedFile(apsw.VFSFile):
    """A file of SQLite that notes each write and sync, and does them."""

    def __init__(self, notes: list[tuple[str, str]], name: object, flags: list[int], inherit: str) -> None:
        self._notes = notes
        self._path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        super().__init__(inherit, name, flags)  # type: ignore[arg-type]

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - the name is SQLite's
        self._notes.append(("write", self._path))
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802 - the name is SQLite's
        self._notes.append(("sync", self._path))
        super().xSync(flags)


class WatchedDisk(apsw.VFS):
    """The layer of the checksums over a disk whose writes and syncs are noted."""

    def __init__(self, name: str) -> None:
        self.notes: list[tuple[str, str]] = []
        self._below = CHECKSUM_VFS
        super().__init__(name, CHECKSUM_VFS)

    def xOpen(self, name: object, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - the name is SQLite's
        return WatchedFile(self.notes, name, flags, self._below)


def test_a_commit_is_synced_before_it_is_reported(tmp_path: Path) -> None:
    require_usable_library()
    disk = WatchedDisk("watched-for-syncs")
    catalog = SqliteCatalog(tmp_path / "catalog", vfs="watched-for-syncs")
    disk.notes.clear()
    for number in range(3):
        catalog.run([lambda tx, number=number: tx.run("INSERT INTO holds VALUES (:no, 1)", {"no": str(number)})])
        log = [verb for verb, path in disk.notes if path.endswith("-wal")]
        assert "write" in log
        assert log[-1] == "sync"
        disk.notes.clear()
    catalog.close()
    disk.unregister()
