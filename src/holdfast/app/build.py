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
from holdfast.app.config import StoreOptions
from holdfast.app.directory import BLOBS_NAME, CATALOG_NAME, RootKeyPlace, prepare
from holdfast.app.measured import MeasuredChunks
from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.lock import StoreLock
from holdfast.catalog import vaults
from holdfast.catalog.sqlite import SqliteCatalog
from holdfast.catalog.writer import Writer
from holdfast.chunks.commit import GroupCommit, GroupReport
from holdfast.chunks.packs import PackSet
from holdfast.controlplane.plane import Options, Plane
from holdfast.controlplane.service import ControlPlane
from holdfast.dataplane.service import DataPlane
from holdfast.dataplane.store import Store
from holdfast.keys.local import LocalKeyProvider
from holdfast.keys.ring import KeyRing
from holdfast.model.clock import Clock, SystemClock
from holdfast.model.token import TokenMint
from holdfast.observe.logs import Logger
from holdfast.observe.metrics import Metrics
from holdfast.server.body_limits import BodyLimits
from holdfast.server.gateway import Gateway
from holdfast.upkeep.expiry import Expiry
from holdfast.upkeep.runner import Runner
from holdfast.upkeep.sweeping import Sweeping
from holdfast.upkeep.worker import Worker
from holdfast.wire.route import Router
from holdfast.wire.specs import load

DEFAULT_VAULT = "default"


class System:
    """An open store and the service over it. One process has it; `close` lets the next one in."""

    def __init__(self, options: StoreOptions, metrics: Metrics, log: Logger, clock: Clock | None = None) -> None:
        """Opens the store in `options.directory`, or makes one there.

        Raises Unavailable where another process has it or the disk refuses, InvalidInput for a directory that is no
        store, UnusableKey where its root key is missing.
        """
        self._closing = ExitStack()
        try:
            self._open(options, metrics, log, clock or SystemClock())
        except BaseException:
            self._closing.close()
            raise

    def _open(self, options: StoreOptions, metrics: Metrics, log: Logger, clock: Clock) -> None:
        directory = options.directory
        prepare(directory)
        self.lock = StoreLock(directory)
        self._closing.callback(self.lock.close)
        self.access_key: AccessKey = credentials_file.ensure(directory)
        blobs = LocalBlobs(directory / BLOBS_NAME)
        self._closing.callback(blobs.close)
        keys = KeyRing(LocalKeyProvider.open(RootKeyPlace(directory, blobs)), blobs)
        catalog = SqliteCatalog(directory / CATALOG_NAME)
        self._closing.callback(catalog.close)
        writer = Writer(catalog, clock.now_us())
        packs = PackSet(blobs, writer.register)
        self._closing.callback(packs.close)

        def observe(report: GroupReport) -> None:
            metrics.group_committed(report.callers, report.seconds)

        commits = GroupCommit(packs, catalog, observe=observe)
        self._closing.callback(commits.close)
        tokens = TokenMint(keys.token_key())
        chunks = MeasuredChunks(blobs, metrics)
        duplicate = metrics.chunk_deduplicated
        data = DataPlane(Store(catalog, commits, chunks, keys, tokens, clock, options.chunk_bytes_max, duplicate))
        lease = Options(job_lease_seconds=options.job_lease_seconds)
        control = ControlPlane(Plane(catalog, commits, keys, tokens, clock, uuid.uuid4, lease))
        with catalog.snapshot() as tx:
            has_vaults = any(vaults.page(tx, "", 1))
        if not has_vaults:
            control.vaults.create(Caller(self.access_key.access_key_id), {"BackupVaultName": DEFAULT_VAULT})
        upkeep = Runner([Expiry(catalog, commits), Sweeping(catalog, commits)], clock, _reporter(log))
        self._closing.callback(upkeep.close)
        self.gateway = Gateway(
            Router(load()),
            Authenticator({self.access_key.access_key_id: self.access_key.secret}.get, clock),
            data.handlers() | control.handlers(),
            data.early(),
            BodyLimits(options.chunk_bytes_max),
            metrics,
            log,
        )

    def close(self) -> None:
        """Answer what is under way, then let go of everything, the lock last."""
        self._closing.close()


def _reporter(log: Logger) -> Callable[[Worker, Exception], None]:
    def report(worker: Worker, trouble: Exception) -> None:
        log.error("upkeep failed", part="upkeep", worker=type(worker).__name__, exc_info=trouble)

    return report
