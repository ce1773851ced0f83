"""A blob store in a directory of this machine.

What is always true here: a name appears only when its bytes are durable (`put`: temporary file, write, sync, link,
sync of the directory), or, for a file that grows, its directory entry is durable before anyone may append (`create`).
All changes go through the `Disk` door. Temporary files live in `.tmp`, which no blob name can reach; one left there
by a crash is rubbish.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from holdfast.blobs.append_file import LocalAppendFile, write_all
from holdfast.blobs.disk import Buffer, Disk, SystemDisk
from holdfast.blobs.disk_errors import read_error, write_error
from holdfast.blobs.name import check_blob_name
from holdfast.blobs.open_files import OpenFiles
from holdfast.blobs.regular_file import open_to_read, require_regular
from holdfast.model.errors import AlreadyExists

_TEMPORARY = ".tmp"
_OPEN_FILES_MAX = 128


class LocalBlobs:
    """BlobStore and AppendStore over the directory `root`, which is made if it is missing. Safe for many threads."""

    def __init__(
        self,
        root: Path,
        *,
        disk: Disk | None = None,
        random: Callable[[int], bytes] = os.urandom,
        open_files_max: int = _OPEN_FILES_MAX,
    ) -> None:
        self._root = Path(os.path.abspath(root))
        self._disk: Disk = SystemDisk() if disk is None else disk
        self._random = random
        self._open_files = OpenFiles(open_files_max)
        self._prefix = f"{self._root}{os.sep}"
        self._directories: set[Path] = set()
        self._directories_lock = threading.Lock()

    def put(self, name: str, data: Buffer) -> None:
        target = self._path(name)
        temporary = self._root / _TEMPORARY / self._random(16).hex()
        try:
            self._make_directories(temporary.parent)
            self._make_directories(target.parent)
            if target.exists():
                raise FileExistsError
            self._write_durably(temporary, data)
            try:
                self._disk.link(temporary, target)
                self._disk.sync_directory(target.parent)
            finally:
                self._forget(temporary)
        except FileExistsError as taken:
            raise AlreadyExists(f"the blob {name} exists already, and blobs never change") from taken
        except OSError as failed:
            raise write_error(failed, "write", target) from failed

    def replace(self, name: str, data: Buffer) -> None:
        """Keep `data` under `name` in place of what is there: for the few files that are no blobs (a root key).

        After it returns, the new bytes survive a power cut; until then the name holds all of the one or of the other.
        """
        target = self._path(name)
        temporary = self._root / _TEMPORARY / self._random(16).hex()
        try:
            self._make_directories(temporary.parent)
            self._make_directories(target.parent)
            self._write_durably(temporary, data)
            try:
                self._disk.replace(temporary, target)
            except BaseException:
                self._forget(temporary)
                raise
            self._disk.sync_directory(target.parent)
        except OSError as failed:
            raise write_error(failed, "replace", target) from failed

    def settle(self, name: str) -> None:
        """After it returns, what stands under `name` and beside it, or no longer does, survives a power cut as it is.

        For what was found and not written here: who wrote or deleted it may have been killed before it was durable.
        """
        directory = self._path(name).parent
        try:
            self._disk.sync_directory(directory)
        except FileNotFoundError:
            return
        except OSError as failed:
            raise write_error(failed, "make durable", directory) from failed

    def get(self, name: str) -> bytes:
        path = self._path(name)
        try:
            with open(open_to_read(str(path), follow=True), "rb") as file:
                return file.read()
        except OSError as failed:
            raise read_error(failed, path) from failed

    def read(self, name: str, offset: int, length: int) -> bytes:
        path = self._prefix + check_blob_name(name)
        try:
            return self._open_files.read(path, offset, length)
        except OSError as failed:
            raise read_error(failed, Path(path)) from failed

    def size(self, name: str) -> int:
        path = self._path(name)
        try:
            status = path.stat(follow_symlinks=False)
            require_regular(status)
        except OSError as failed:
            raise read_error(failed, path) from failed
        return status.st_size

    def delete(self, name: str) -> None:
        path = self._path(name)
        self._open_files.forget(path)
        try:
            # Also where it is gone already: who removed it may have been killed before that was durable.
            with contextlib.suppress(FileNotFoundError):
                self._disk.remove(path)
            # A reader may have opened it once more in between, and would keep its space.
            self._open_files.forget(path)
            with contextlib.suppress(FileNotFoundError):
                self._disk.sync_directory(path.parent)
        except OSError as failed:
            raise write_error(failed, "delete", path) from failed

    def list(self, prefix: str) -> Iterator[str]:
        names: list[str] = []
        within = prefix.rpartition("/")[0]
        if within:
            check_blob_name(within)
        try:
            _gather(self._root / within, f"{within}/" if within else "", prefix, names)
        except OSError as failed:
            raise read_error(failed, self._root / within) from failed
        return iter(sorted(names))

    def create(self, name: str) -> LocalAppendFile:
        path = self._path(name)
        try:
            self._make_directories(path.parent)
            descriptor = self._disk.create(path)
        except FileExistsError as taken:
            raise AlreadyExists(f"the blob {name} exists already, and blobs never change") from taken
        except OSError as failed:
            raise write_error(failed, "create", path) from failed
        file = LocalAppendFile(self._disk, descriptor, path)
        try:
            self._disk.sync_directory(path.parent)
        except OSError as failed:
            file.close()
            raise write_error(failed, "create", path) from failed
        return file

    def clear_unfinished(self) -> None:
        """Remove what crashes in the middle of `put` or `replace` left. For whoever is alone with the store."""
        with contextlib.suppress(OSError):
            for entry in os.scandir(self._root / _TEMPORARY):
                self._forget(Path(entry.path))

    def let_go_of_removed(self) -> None:
        """Close files that another process has removed: as long as they are kept open they take their room."""
        self._open_files.forget_removed()

    def close(self) -> None:
        """Let go of the files that are kept open for reading. The store may be used again."""
        self._open_files.close()

    def _path(self, name: str) -> Path:
        return self._root / check_blob_name(name)

    def _write_durably(self, path: Path, data: Buffer) -> None:
        descriptor = self._disk.create(path)
        try:
            write_all(self._disk, descriptor, [data])
            self._disk.sync(descriptor)
        except BaseException:
            self._forget(path)
            raise
        finally:
            os.close(descriptor)

    def _forget(self, temporary: Path) -> None:
        # What cannot be removed is rubbish; whether the blob is there is another matter.
        with contextlib.suppress(OSError):
            self._disk.remove(temporary)

    def _make_directories(self, path: Path) -> None:
        """Make `path` and its parents; each is durable in its parent before anything is put into it."""
        if path in self._directories:
            return
        with self._directories_lock:
            self._make_directory(path)

    def _make_directory(self, path: Path) -> None:
        if path in self._directories:
            return
        there = path.is_dir()
        below_root = self._root in path.parents
        if below_root or not there:
            self._make_directory(path.parent)
            if not there:
                with contextlib.suppress(FileExistsError):
                    self._disk.make_directory(path)
            # Also for one that is there already: who made it may have been killed before this.
            self._disk.sync_directory(path.parent)
        self._directories.add(path)


def _gather(directory: Path, above: str, prefix: str, names: list[str]) -> None:
    """Add to `names` every file in `directory` (whose own name is `above`) and below it that begins with `prefix`."""
    try:
        entries = list(os.scandir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        name = above + entry.name
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            if f"{name}/".startswith(prefix) or prefix.startswith(f"{name}/"):
                _gather(Path(entry.path), f"{name}/", prefix, names)
        elif name.startswith(prefix):
            names.append(name)
