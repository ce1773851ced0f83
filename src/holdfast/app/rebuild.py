"""Makes a store's catalog anew from its packs and keys alone (docs/design/rebuild.md).

What is always true here: the new catalog is built under another name and takes the place of the old one only when it is
whole and durable; the old one is kept under a third name. Whatever cuts it short, the same command begins again. Packs
and keys are only read.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Protocol

from holdfast.access import credentials_file
from holdfast.app.config import StoreOptions
from holdfast.app.directory import BLOBS_NAME, prepare
from holdfast.app.keys import open_keys
from holdfast.app.mark import read_mark
from holdfast.app.opening import packs_on_disk, unknown_pack
from holdfast.app.places import BlobPlaces, Blobs, open_blobs
from holdfast.app.rebuilt_file import FileBeside, remove_with_logs
from holdfast.app.root_key_place import MountedRootKey, RootKeyInDirectory, RootKeyPlace
from holdfast.blobs.disk import Disk, SystemDisk
from holdfast.blobs.disk_errors import write_error
from holdfast.blobs.lock import StoreLock
from holdfast.catalog import identity
from holdfast.catalog.findings import Findings
from holdfast.catalog.identity import Identity
from holdfast.catalog.port import Catalog
from holdfast.catalog.transaction import Tx
from holdfast.keys.ring import KeyRing
from holdfast.model.clock import Clock, SystemClock
from holdfast.model.errors import Damaged, HoldfastError, InvalidInput, InvalidState, Unavailable
from holdfast.model.purpose import Purpose
from holdfast.records.remaking import Remaking
from holdfast.records.report import Progress, RebuildReport

FINDINGS_NAME = "catalog.findings"


class Beside(Protocol):
    """Where the new catalog is made, and how it takes the place of the old one (FileBeside, SchemaBeside)."""

    @property
    def where(self) -> object: ...

    def clear(self) -> None:
        """Removes what an earlier attempt left, or this one."""

    def old(self) -> Catalog | None:
        """The catalog in use, if there is one. Raises Unavailable where it cannot be used."""

    def new(self) -> Catalog:
        """An empty catalog, to be filled and closed."""

    def install(self, now_us: int) -> None:
        """The new catalog is the catalog from here on."""


def rebuild(
    options: StoreOptions,
    *,
    replace: bool = False,
    progress: Progress = lambda _what, _done, _total: None,
    clock: Clock | None = None,
    disk: Disk | None = None,
) -> RebuildReport:
    """A new catalog for the store of `options`, which nobody else has open.

    Raises InvalidInput where there is no pack; InvalidState where the catalog can be used and `replace` is not set;
    UnusableKey where the keys do not open; Unavailable where the disk, the database or the bucket refuse, or another
    process has the store.
    """
    directory = options.directory
    if options.bucket is None and not (directory / BLOBS_NAME).is_dir():
        raise InvalidInput(f"there is no store in {directory}: name its directory with --store")
    door: Disk = SystemDisk() if disk is None else disk
    now_us = (clock or SystemClock()).now_us()
    if options.bucket is not None:
        # A node's directory may be all that is left of a machine, and new.
        prepare(directory, door)
    with ExitStack() as held:
        held.enter_context(StoreLock(directory))
        places = open_blobs(options)
        held.callback(places.blobs.close)
        if next(packs_on_disk(places.blobs), None) is None:
            raise InvalidInput(f"the store of {directory} has no packs: there is nothing to make a catalog from")
        beside = _beside(options, door, held)
        if _is_usable(beside, places) and not replace:
            raise InvalidState(
                f"the catalog {beside.where} can be used and knows every pack: verify the store with"
                " 'holdfast verify --all', or say --replace to make the catalog anew nevertheless"
            )
        place = _root_key_place(options, places.blobs)
        keys = open_keys(place, places.blobs, options.unlock, held, shared=options.catalog is not None)
        with _thrown_away(directory / FINDINGS_NAME, door) as findings:
            beside.clear()
            with closing(beside.new()) as catalog:
                remaking = Remaking(places.cached, keys, catalog, findings, now_us, progress)
                report = remaking.run(packs_on_disk(places.blobs))
                _identify(catalog, options, keys, places, report.packs)
            beside.install(now_us)
        # What is left of the work is rubbish; the next rebuild removes it if this one cannot.
        with contextlib.suppress(HoldfastError):
            beside.clear()
    return report


def _beside(options: StoreOptions, disk: Disk, held: ExitStack) -> Beside:
    if options.catalog is None:
        return FileBeside(options.directory, disk)
    from holdfast.catalog.postgres_install import SchemaBeside

    return held.enter_context(closing(SchemaBeside(options.catalog, options.node_silence_seconds)))


def _is_usable(beside: Beside, places: BlobPlaces) -> bool:
    """Whether the catalog opens and belongs to these packs."""
    try:
        catalog = beside.old()
        if catalog is None:
            return False
        with closing(catalog):
            return unknown_pack(catalog, places.blobs) is None
    except HoldfastError:
        return False


def _root_key_place(options: StoreOptions, blobs: Blobs) -> RootKeyPlace:
    if options.root_key_file is not None:
        return MountedRootKey(options.root_key_file, blobs)
    return RootKeyInDirectory(options.directory, blobs)


@contextlib.contextmanager
def _thrown_away(path: Path, disk: Disk) -> Iterator[Findings]:
    """Notes of the work, on this machine's disk; rubbish afterwards, which the next rebuild removes at the latest."""
    try:
        remove_with_logs(path, disk)
    except OSError as failed:
        raise write_error(failed, "rebuild", path) from failed
    with closing(Findings(path)) as findings:
        yield findings
    with contextlib.suppress(OSError):
        remove_with_logs(path, disk)


def _identify(catalog: Catalog, options: StoreOptions, keys: KeyRing, places: BlobPlaces, packs: int) -> None:
    """Writes down what no pack tells: whose store it is, and that the catalog is as new as the bucket."""
    steps: list[Callable[[Tx], object]] = []
    if options.catalog is not None:
        access_key = (
            credentials_file.ensure(options.directory)
            if options.credentials_file is None
            else credentials_file.read(options.credentials_file, mounted=True)
        )
        own = Identity(keys.root_id, access_key.access_key_id)
        steps.append(lambda tx: identity.settle(tx, own))
    if places.bucket is not None:
        try:
            announced = max(packs, read_mark(places.bucket))
        except Damaged:
            announced = packs
        steps.append(lambda tx: identity.announce(tx, announced))
    for outcome in catalog.run(steps, Purpose.BEGIN) if steps else ():
        if outcome.error is not None:
            raise Unavailable(str(outcome.error)) from outcome.error
