"""SQLite's way to the disk, failing on command: what FaultyDisk is for packs, this is for the catalog."""

import apsw

from holdfast.catalog.sqlite_file import CHECKSUM_VFS, require_usable_library

_ERRORS: dict[str, type[apsw.Error]] = {"full": apsw.FullError, "io": apsw.IOError}


class FaultyVfs(apsw.VFS):
    """Registered under `name` for as long as it lives. Counts writes, syncs and truncations, and fails some of them."""

    def __init__(self, name: str) -> None:
        require_usable_library()
        super().__init__(name, CHECKSUM_VFS)
        self.calls = 0
        """How often a verb of `failing` was called since `fail`."""
        self._failing: tuple[str, ...] = ()
        self._error = ""
        self._first = self._last = 0

    def fail(self, *verbs: str, error: str, call: int, times: int = 1) -> None:
        """Let the `call`-th (from 1) of the coming `verbs` (write, sync, truncate) fail: "full" or "io"."""
        self._failing, self._error, self._first, self._last = verbs, error, call, call + times - 1
        self.calls = 0

    def heal(self) -> None:
        """Nothing fails any more."""
        self._failing = ()

    def enter(self, verb: str) -> None:
        """Raises if it is this call's turn."""
        if verb in self._failing:
            self.calls += 1
            if self._first <= self.calls <= self._last:
                raise _ERRORS[self._error](f"{verb} fails as the test wants")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's
        return _FaultyFile(self, name, flags)


class _FaultyFile(apsw.VFSFile):
    def __init__(self, vfs: FaultyVfs, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__(CHECKSUM_VFS, name, flags)
        self._vfs = vfs

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's word
        self._vfs.enter("write")
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's word
        self._vfs.enter("sync")
        super().xSync(flags)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - SQLite's word
        self._vfs.enter("truncate")
        super().xTruncate(newsize)
