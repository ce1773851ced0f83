"""Makes a store's catalog anew from its packs and keys alone (docs/design/rebuild.md).

What is always true here: the new catalog is built under another name and takes the place of the old one only when it is
whole and durable; the old one is kept under a third name. A crash leaves the store as it was, or without a catalog,
which it then refuses to open; in either case the same command begins again. Packs and keys are only read.
"""

import contextlib
import os
from contextlib import ExitStack, closing
from pathlib import Path

from holdfast.app.config import StoreOptions
from holdfast.app.directory import BLOBS_NAME, CATALOG_NAME
from holdfast.app.keys import open_keys
from holdfast.app.opening import packs_on_disk, unknown_pack
from holdfast.app.root_key_place import RootKeyInDirectory
from holdfast.blobs.disk import Disk, SystemDisk
from holdfast.blobs.disk_errors import write_error
from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.lock import StoreLock
from holdfast.catalog.findings import Findings
from holdfast.catalog.sqlite import SqliteCatalog
from holdfast.model.clock import Clock, SystemClock
from holdfast.model.errors import HoldfastError, InvalidInput, InvalidState
from holdfast.records.engines import VaultKeySource
from holdfast.records.remaking import Remaking
from holdfast.records.report import Progress, RebuildReport

BUILDING_NAME = "catalog.rebuilding"
FINDINGS_NAME = "catalog.findings"
REPLACED_NAME = "catalog.replaced"
_LOG_SUFFIXES = ("-wal", "-shm")


def rebuild(
    options: StoreOptions,
    *,
    replace: bool = False,
    progress: Progress = lambda _what, _done, _total: None,
    clock: Clock | None = None,
    disk: Disk | None = None,
) -> RebuildReport:
    """A new catalog for the store in `options.directory`, which nobody else has open.

    Raises InvalidInput where there is no pack; InvalidState where the catalog can be used and `replace` is not set;
    UnusableKey where the keys do not open; Unavailable where the disk refuses or another process has the store.
    """
    directory = options.directory
    if not (directory / BLOBS_NAME).is_dir():
        raise InvalidInput(f"there is no store in {directory}: name its directory with --store")
    door: Disk = SystemDisk() if disk is None else disk
    with ExitStack() as held:
        held.enter_context(StoreLock(directory))
        blobs = held.enter_context(closing(LocalBlobs(directory / BLOBS_NAME)))
        if next(packs_on_disk(blobs), None) is None:
            raise InvalidInput(f"the store in {directory} has no packs: there is nothing to make a catalog from")
        catalog = directory / CATALOG_NAME
        if _is_usable(catalog, blobs) and not replace:
            raise InvalidState(
                f"the catalog {catalog} can be used and knows every pack: verify the store with"
                " 'holdfast verify --all', or say --replace to make the catalog anew nevertheless"
            )
        keys = open_keys(RootKeyInDirectory(directory, blobs), blobs, options.unlock, held)
        try:
            _clear(directory, door)
            report = _build(directory, blobs, keys, progress, (clock or SystemClock()).now_us())
            _install(directory, door)
        except OSError as failed:
            raise write_error(failed, "rebuild", catalog) from failed
        # What is left of the work is rubbish; the next rebuild removes it if this one cannot.
        with contextlib.suppress(OSError):
            _clear(directory, door)
    return report


def _is_usable(path: Path, blobs: LocalBlobs) -> bool:
    """Whether the catalog opens and belongs to these packs. Closing it writes its log in, so that it has none."""
    if not path.exists():
        return False
    try:
        with closing(SqliteCatalog(path)) as catalog:
            return unknown_pack(catalog, blobs) is None
    except HoldfastError:
        return False


def _build(directory: Path, blobs: LocalBlobs, keys: VaultKeySource, progress: Progress, now_us: int) -> RebuildReport:
    with (
        closing(SqliteCatalog(directory / BUILDING_NAME)) as catalog,
        closing(Findings(directory / FINDINGS_NAME)) as findings,
    ):
        remaking = Remaking(blobs, keys, catalog, findings, now_us, progress)
        return remaking.run(packs_on_disk(blobs))


def _install(directory: Path, disk: Disk) -> None:
    """Puts the new catalog in the place of the old one; each step is durable before the next."""
    building, catalog = directory / BUILDING_NAME, directory / CATALOG_NAME
    _sync(building, disk)
    disk.sync_directory(directory)
    _keep_old(directory, disk)
    disk.replace(building, catalog)
    disk.sync_directory(directory)


def _keep_old(directory: Path, disk: Disk) -> None:
    """The old catalog under another name, with its log if it has one.

    A log must never lie beside a catalog that it does not belong to: SQLite would write it in. So the old catalog goes
    away before its log does, and the new one comes after both; in between the store has none and is not opened.
    """
    catalog = directory / CATALOG_NAME
    logs = [path for suffix in _LOG_SUFFIXES if (path := directory / f"{CATALOG_NAME}{suffix}").exists()]
    if not catalog.exists() and not logs:
        return
    kept = _free_name(directory)
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


def _free_name(directory: Path) -> Path:
    taken = set(os.listdir(directory))
    number = 1
    while any(name == f"{REPLACED_NAME}-{number}" or name.startswith(f"{REPLACED_NAME}-{number}-") for name in taken):
        number += 1
    return directory / f"{REPLACED_NAME}-{number}"


def _clear(directory: Path, disk: Disk) -> None:
    """Removes what an earlier attempt left."""
    for name in (BUILDING_NAME, FINDINGS_NAME):
        for suffix in ("", *_LOG_SUFFIXES):
            with contextlib.suppress(FileNotFoundError):
                disk.remove(directory / f"{name}{suffix}")


def _sync(path: Path, disk: Disk) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        disk.sync(descriptor)
    finally:
        os.close(descriptor)
