"""A catalog in a file that is made beside the one in use, and takes its place when it is whole.

What is always true here: the new file takes the name of the old one only when it is durable, and the old one is kept
under a third name. A crash leaves the store as it was, or without a catalog, which it then refuses to open.
"""

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from holdfast.app.directory import CATALOG_NAME
from holdfast.blobs.disk import Disk
from holdfast.blobs.disk_errors import write_error
from holdfast.catalog.sqlite import SqliteCatalog

BUILDING_NAME = "catalog.rebuilding"
REPLACED_NAME = "catalog.replaced"
LOG_SUFFIXES = ("-wal", "-shm")


class FileBeside:
    """For the holder of the store's lock."""

    def __init__(self, directory: Path, disk: Disk) -> None:
        self._directory = directory
        self._disk = disk
        self.where = directory / CATALOG_NAME

    def clear(self) -> None:
        """Removes what an earlier attempt left, or this one. Raises Unavailable."""
        with self._translated():
            remove_with_logs(self._directory / BUILDING_NAME, self._disk)

    def old(self) -> SqliteCatalog | None:
        """The catalog in use, if there is one; closing it writes its log in. Raises Unavailable."""
        return SqliteCatalog(self.where) if self.where.exists() else None

    def new(self) -> SqliteCatalog:
        """An empty catalog, to be filled and closed. Raises Unavailable."""
        return SqliteCatalog(self._directory / BUILDING_NAME)

    def install(self, now_us: int) -> None:  # noqa: ARG002 - the port's shape
        """The new catalog is the catalog from here on; each step is durable before the next. Raises Unavailable."""
        building = self._directory / BUILDING_NAME
        with self._translated():
            self._sync(building)
            self._disk.sync_directory(self._directory)
            self._keep_old()
            self._disk.replace(building, self.where)
            self._disk.sync_directory(self._directory)

    def _keep_old(self) -> None:
        """The old catalog under another name, with its log if it has one.

        A log must never lie beside a catalog that it does not belong to: SQLite would write it in. So the old catalog
        goes away before its log does, and the new one comes after both; in between the store has none and is not
        opened.
        """
        catalog, directory, disk = self.where, self._directory, self._disk
        logs = [path for suffix in LOG_SUFFIXES if (path := directory / f"{CATALOG_NAME}{suffix}").exists()]
        if not catalog.exists() and not logs:
            return
        kept = self._free_name()
        if not logs:
            # It was closed in peace, and is replaced at once: there is no moment without a catalog.
            disk.link(catalog, kept)
            disk.sync_directory(directory)
            return
        if catalog.exists():
            disk.replace(catalog, kept)
            disk.sync_directory(directory)
        for log in logs:
            disk.replace(log, kept.with_name(kept.name + log.name.removeprefix(CATALOG_NAME)))
        disk.sync_directory(directory)

    def _free_name(self) -> Path:
        taken = set(os.listdir(self._directory))
        number = 1
        while any(
            name == f"{REPLACED_NAME}-{number}" or name.startswith(f"{REPLACED_NAME}-{number}-") for name in taken
        ):
            number += 1
        return self._directory / f"{REPLACED_NAME}-{number}"

    def _sync(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            self._disk.sync(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as failed:
            raise write_error(failed, "rebuild", self.where) from failed


def remove_with_logs(database: Path, disk: Disk) -> None:
    """Removes a database of SQLite, or what is left of one. Raises OSError."""
    for suffix in ("", *LOG_SUFFIXES):
        with contextlib.suppress(FileNotFoundError):
            disk.remove(database.with_name(database.name + suffix))
