"""From options to a running system: the one module that knows every class.

The order is part of the promise: the directory is locked before anything in it is read, and it is let go last, when no
thread of this process can write any more.
"""

import uuid
from collections.abc import Callable
from contextlib import ExitStack

from holdfast.access import credentials_file
from holdfast.access.authenticate import Authenticator, Caller
from holdfast.access.credentials_file import AccessKey
from holdfast.app.collecting import Parts, collection
from holdfast.app.config import StoreOptions
from holdfast.app.directory import BLOBS_NAME, CATALOG_NAME, RootKeyPlace, prepare
from holdfast.app.keys import finish_destroying, open_keys
from holdfast.app.measured import MeasuredChunks
from holdfast.app.opening import clear_stale_drafts, require_catalog, require_known_packs
from holdfast.app.verification import verification
from holdfast.blobs.disk import RoomyDisk, SystemDisk
from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.lock import StoreLock
from holdfast.blobs.reserve import Reserve
from holdfast.catalog import vaults
from holdfast.catalog.sqlite import SqliteCatalog
from holdfast.catalog.sqlite_file import CHECKSUM_VFS
from holdfast.catalog.writer import Writer
from holdfast.chunks.commit import GroupCommit, GroupReport
from holdfast.chunks.packs import PackSet
from holdfast.controlplane.plane import Options, Plane
from holdfast.controlplane.service import ControlPlane
from holdfast.controlplane.vault_keys import VaultKeys
from holdfast.dataplane.service import DataPlane
from holdfast.dataplane.store import Store
from holdfast.model.clock import Clock, SystemClock
from holdfast.model.token import TokenMint
from holdfast.observe.logs import Logger
from holdfast.observe.metrics import Metrics
from holdfast.records.engines import Engines
from holdfast.records.recorder import Recorder
from holdfast.records.reseal import Resealer
from holdfast.server.body_limits import BodyLimits
from holdfast.server.gateway import Gateway
from holdfast.upkeep.care import Care
from holdfast.upkeep.expiry import Expiry
from holdfast.upkeep.recording import Recording
from holdfast.upkeep.runner import Runner
from holdfast.upkeep.worker import Worker, name_of
from holdfast.wire.route import Router
from holdfast.wire.specs import load

DEFAULT_VAULT = "default"


class System:
    """An open store and the service over it. One process has it; `close` lets the next one in."""

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
    ) -> None:
        """Opens the store in `options.directory`, or makes one there.

        Without `background` nothing is done that nobody asks for: no expiry, collection, scrub. `disk` and
        `catalog_vfs` are the ways to the disk, for tests that let them fail.
        Raises Unavailable where another process has it or the disk refuses, InvalidInput for a directory that is no
        store, UnusableKey where its root key is missing.
        """
        self._closing = ExitStack()
        self._background = background
        try:
            self._open(options, metrics, log, clock or SystemClock(), disk or SystemDisk(), catalog_vfs)
        except BaseException:
            self._closing.close()
            raise

    def _open(
        self, options: StoreOptions, metrics: Metrics, log: Logger, clock: Clock, disk: RoomyDisk, catalog_vfs: str
    ) -> None:
        directory = options.directory
        prepare(directory)
        self.lock = StoreLock(directory)
        self._closing.callback(self.lock.close)
        self.access_key: AccessKey = credentials_file.ensure(directory)
        blobs = LocalBlobs(directory / BLOBS_NAME, disk=disk)
        self._closing.callback(blobs.close)
        blobs.clear_unfinished()
        place = RootKeyPlace(directory, blobs, disk)
        keys = self.keys = open_keys(place, blobs, options.unlock, self._closing, _key_reporter(log))
        require_catalog(directory / CATALOG_NAME, blobs)
        # A store must also open on a full disk, so that something can be deleted.
        reserve = Reserve(directory, options.reserve_bytes, disk=disk)
        catalog = self.catalog = reserve.lend(lambda: SqliteCatalog(directory / CATALOG_NAME, vfs=catalog_vfs))
        self._closing.callback(catalog.close)
        require_known_packs(catalog, blobs, directory / CATALOG_NAME)
        finish_destroying(keys, catalog)
        writer = reserve.lend(lambda: Writer(catalog, clock.now_us()))
        packs = PackSet(blobs, writer.register)
        self._closing.callback(packs.close)

        def observe(report: GroupReport) -> None:
            metrics.group_committed(report.callers, report.seconds)

        commits = self.commits = GroupCommit(packs, catalog, room=reserve, observe=observe)
        self._closing.callback(commits.close)
        clear_stale_drafts(catalog, commits)
        tokens = TokenMint(keys.token_key())
        chunks = MeasuredChunks(blobs, metrics)
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
            control.vaults.create(Caller(self.access_key.access_key_id), {"BackupVaultName": DEFAULT_VAULT})
        parts = Parts(catalog, commits, blobs, chunks, keys, packs, writer, clock)
        collecting = collection(parts, Recording(recorder), log)
        verifying = verification(parts, tokens, options, collecting.survey.step, Resealer(engines))
        verifying.show(metrics)
        workers = [Expiry(catalog, commits), *collecting.workers(), *verifying.workers()]
        upkeep = self.upkeep = Runner(workers if self._background else [], clock, _reporter(log))
        self._closing.callback(upkeep.close)
        vault_keys = VaultKeys(plane, keys, packs)
        care = Care(catalog, commits, clock, collecting)
        self.handlers = (
            data.handlers() | control.handlers() | vault_keys.handlers() | care.handlers() | verifying.handlers()
        )
        self.gateway = Gateway(
            Router(load()),
            Authenticator({self.access_key.access_key_id: self.access_key.secret}.get, clock),
            self.handlers,
            data.early(),
            BodyLimits(options.chunk_bytes_max),
            metrics,
            log,
        )

    def close(self) -> None:
        """Answer what is under way, then let go of everything, the lock last."""
        self._closing.close()


def _key_reporter(log: Logger) -> Callable[[str | None], None]:
    def report(refused: str | None) -> None:
        if refused is None:
            log.info("the root key may be used again", part="keys")
        else:
            log.error("the root key may not be used", part="keys", reason=refused)

    return report


def _reporter(log: Logger) -> Callable[[Worker, Exception], None]:
    def report(worker: Worker, trouble: Exception) -> None:
        log.error("upkeep failed", part="upkeep", worker=name_of(worker), exc_info=trouble)

    return report
