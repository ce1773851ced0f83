"""From options to a running system: the one module that knows every class.

The order is part of the promise: the directory is locked before anything in it is read, and it is let go last, when no
thread of this process can write any more. A store on PostgreSQL is nobody's own: there the catalog says who may write.
"""

import uuid
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

from holdfast.access.authenticate import Authenticator, Caller
from holdfast.app import access_keys
from holdfast.app.belonging import require_belonging
from holdfast.app.config import StoreOptions
from holdfast.app.directory import prepare
from holdfast.app.keys import finish_destroying, open_keys
from holdfast.app.late_maintenance import BRIEF_SECONDS, LateMaintenance, Opened
from holdfast.app.mark import require_as_new_as_packs
from holdfast.app.measured import MeasuredChunks
from holdfast.app.missing_keys import warn_of_missing_keys
from holdfast.app.moving_marks import require_finished
from holdfast.app.opening import clear_stale_drafts, require_catalog, require_known_packs
from holdfast.app.places import Blobs, catalog_path, open_blobs, open_catalog, schema_spoken
from holdfast.app.read_only import reading_only
from holdfast.app.root_key_place import MountedRootKey, RootKeyInDirectory, RootKeyPlace
from holdfast.app.writing import writing
from holdfast.blobs.disk import RoomyDisk, SystemDisk
from holdfast.blobs.lock import StoreLock
from holdfast.blobs.read_only_disk import ReadOnlyDisk
from holdfast.blobs.reserve import Reserve
from holdfast.catalog import freezes, vaults, writers
from holdfast.catalog.port import Catalog
from holdfast.catalog.sqlite_file import CHECKSUM_VFS
from holdfast.catalog.transaction import Tx
from holdfast.chunks.commit import GroupReport
from holdfast.controlplane.plane import Options, Plane
from holdfast.controlplane.service import ControlPlane
from holdfast.controlplane.vault_keys import VaultKeys
from holdfast.dataplane.service import DataPlane
from holdfast.dataplane.store import Store
from holdfast.model.clock import Clock, SystemClock
from holdfast.model.errors import AlreadyExists, Transient, Unavailable
from holdfast.model.token import TokenMint
from holdfast.observe.logs import Logger
from holdfast.observe.metrics import Metrics
from holdfast.records.engines import Engines
from holdfast.records.recorder import Recorder
from holdfast.server.body_limits import BodyLimits
from holdfast.server.gateway import Gateway
from holdfast.upkeep.runner import Runner
from holdfast.upkeep.worker import Worker, name_of
from holdfast.wire.route import Router
from holdfast.wire.specs import load

DEFAULT_VAULT = "default"
_DATABASE_SECONDS_MAX = 5.0
"""How long the database is asked whether it answers."""


class System:
    """An open store and the service over it; `close` lets the next one in."""

    def __init__(
        self,
        options: StoreOptions,
        metrics: Metrics,
        log: Logger,
        clock: Clock | None = None,
        *,
        disk: RoomyDisk | None = None,
        catalog_vfs: str = CHECKSUM_VFS,
        background: bool = True,
        joins: bool = False,
        brief: bool = False,
        reads_only: Path | None = None,
    ) -> None:
        """Opens the store of `options`, or makes one there.

        Without `background` nothing is done that nobody asks for: no expiry, collection, scrub. `joins`: other
        processes have the store open too, and somebody else holds the directory's lock for all of them; on PostgreSQL
        that is always so, and there is no lock. `brief`: for one command, which loads only what it uses. `disk` and
        `catalog_vfs` are the ways to the disk, for tests that let them fail. `reads_only`: the store is that directory,
        which `options` only show (app.read_only): nothing that would change it is done.
        Raises Unavailable where another process has it or the disk or the database refuses, or what is
        there is an unfinished copy; InvalidInput for a directory that is no store, UnusableKey where its root key is
        missing.
        """
        self._closing = ExitStack()
        self._background = background and reads_only is None
        self._brief = brief
        self._reads_only = reads_only
        if reads_only is not None:
            disk = ReadOnlyDisk()
        self._database_elsewhere = options.catalog is not None
        self._joins = joins or self._database_elsewhere
        self.lock: StoreLock | None = None
        try:
            self._open(options, metrics, log, clock or SystemClock(), disk or SystemDisk(), catalog_vfs)
        except BaseException:
            self._closing.close()
            raise

    def _open(
        self, options: StoreOptions, metrics: Metrics, log: Logger, clock: Clock, disk: RoomyDisk, catalog_vfs: str
    ) -> None:
        directory, joins = options.directory, self._joins
        prepare(directory)
        if not joins:
            self.lock = StoreLock(directory)
            self._closing.callback(self.lock.close)
        places = self.places = open_blobs(options, disk=disk)
        blobs = places.blobs
        self._closing.callback(blobs.close)
        if places.local is not None and not joins:
            places.local.clear_unfinished()
        keys = self.keys = open_keys(
            _root_key(options, blobs, disk), blobs, options.unlock, self._closing, _key_reporter(log), shared=joins
        )
        # A store must also open on a full disk, so that something can be deleted.
        reserve = Reserve(directory, options.reserve_bytes, disk=disk) if options.catalog is None else None
        catalog = self.catalog = self._open_catalog(options, reserve, catalog_vfs)
        self._closing.callback(catalog.close)
        with catalog.snapshot() as tx:
            require_finished(freezes.standing(tx))
        accepted, own = access_keys.bring_along(options, catalog, keys.root_id)
        self.access_key = accepted[0]

        def require(tx: Tx) -> None:
            # Looked at again in the transaction that lets this process in: the root key may be changed just now, or
            # a move to this place have begun.
            require_finished(freezes.standing(tx))
            if options.catalog is not None:
                require_belonging(tx, own)

        self._require_one_store(options)
        finish_destroying(keys, catalog)
        warn_of_missing_keys(catalog, blobs, keys.root_id, log)

        def observe(report: GroupReport) -> None:
            metrics.group_committed(report.callers, report.seconds)

        written = writing(
            options,
            catalog,
            places,
            reserve,
            clock,
            self._closing,
            joins=joins,
            speaks=schema_spoken(options),
            require=require,
            log=log,
            observe=observe,
        )
        writer = self.writer = written.writer
        packs = written.packs
        commits = self.commits = written.commits
        with catalog.snapshot() as tx:
            is_first = len(writers.live(tx)) <= 1
        if is_first:
            clear_stale_drafts(catalog, commits)
        if joins:
            from holdfast.upkeep.heartbeat import Heartbeat

            heartbeat = Heartbeat.of(catalog, commits, writer, silent_seconds=options.node_silence_seconds)
            self._closing.callback(heartbeat.close)
        tokens = TokenMint(keys.token_key())
        chunks = MeasuredChunks(places.cached, metrics, fresh=None if places.cached is blobs else blobs)
        duplicate = metrics.chunk_deduplicated
        data = DataPlane(Store(catalog, commits, chunks, keys, tokens, clock, options.chunk_bytes_max, duplicate))
        lease = Options(job_lease_seconds=options.job_lease_seconds)
        engines = Engines(catalog, commits, chunks, keys)
        recorder = Recorder(engines)
        plane = Plane(catalog, commits, recorder, keys, tokens, clock, uuid.uuid4, lease)
        control = ControlPlane(plane)
        with catalog.snapshot() as tx:
            has_vaults = any(vaults.page(tx, "", 1))
        if not has_vaults:
            # Another node that starts at the same time may be quicker.
            with suppress(AlreadyExists):
                control.vaults.create(Caller(self.access_key.access_key_id), {"BackupVaultName": DEFAULT_VAULT})
        opened = Opened(options, catalog, places, written, chunks, keys, tokens, clock, metrics, log, joins)
        late = LateMaintenance(opened)
        services = load()
        if not self._brief:
            # No request of a service waits for what is loaded late.
            late.workers()
            data.load()
            assert services.operations
        self._run_upkeep(late, clock, log)
        vault_keys = VaultKeys(plane, keys, packs)
        self.handlers = data.handlers() | control.handlers() | vault_keys.handlers() | late.handlers()
        early = data.early()
        if self._reads_only is not None:
            self.handlers, early = reading_only(self.handlers, self._reads_only), {}
        self.gateway = Gateway(
            Router(services),
            Authenticator({key.access_key_id: key.secret for key in accepted}.get, clock),
            self.handlers,
            early,
            BodyLimits(options.chunk_bytes_max, require_checksums=options.require_checksums),
            metrics,
            log,
        )

    def _run_upkeep(self, late: LateMaintenance, clock: Clock, log: Logger) -> None:
        self.upkeep = Runner(
            late.workers if self._background else tuple,
            clock,
            _reporter(log),
            begin_seconds=BRIEF_SECONDS if self._brief else 0.0,
        )
        self._closing.callback(self.upkeep.close)

    def _open_catalog(self, options: StoreOptions, reserve: Reserve | None, vfs: str) -> Catalog:
        path = catalog_path(options)
        if path is None or reserve is None:
            return open_catalog(options)
        require_catalog(path, self.places.blobs)
        return reserve.lend(lambda: open_catalog(options, vfs=vfs, joins=self._joins))

    def _require_one_store(self, options: StoreOptions) -> None:
        """Raises Unavailable where catalog and packs do not belong together."""
        places, where = self.places, catalog_path(options) or options.catalog
        # Where others have a directory open, packs come and go, and whoever locked it has looked.
        if places.local is not None and (options.catalog is not None or not self._joins):
            require_known_packs(self.catalog, places.local, where)
        if places.bucket is not None:
            require_as_new_as_packs(self.catalog, places.bucket, where)

    def asks(self) -> dict[str, Callable[[], None]]:
        """How what is elsewhere of the store, and may be out of reach, is asked whether it answers; by name."""
        asks: dict[str, Callable[[], None]] = {}
        if self._database_elsewhere:
            asks["the database"] = partial(self.catalog.ping, _DATABASE_SECONDS_MAX)
        if self.places.bucket is not None:
            asks["the bucket"] = self.places.bucket.ping
        return asks

    def close(self) -> None:
        """Answer what is under way, then let go of everything, the lock last."""
        self._closing.close()


def _root_key(options: StoreOptions, blobs: Blobs, disk: RoomyDisk) -> RootKeyPlace:
    if options.root_key_file is not None:
        return MountedRootKey(options.root_key_file, blobs)
    return RootKeyInDirectory(options.directory, blobs, disk)


def _key_reporter(log: Logger) -> Callable[[str | None], None]:
    def report(refused: str | None) -> None:
        if refused is None:
            log.info("the root key may be used again", part="keys")
        else:
            log.error("the root key may not be used", part="keys", reason=refused)

    return report


def _reporter(log: Logger) -> Callable[[Worker, Exception], None]:
    def report(worker: Worker, trouble: Exception) -> None:
        if isinstance(trouble, Unavailable | Transient):
            # The disk is full, or the database is away: others are told as well, and it passes.
            log.warning("upkeep waits", part="upkeep", worker=name_of(worker), reason=trouble.message)
        else:
            log.error("upkeep failed", part="upkeep", worker=name_of(worker), exc_info=trouble)

    return report
