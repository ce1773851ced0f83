"""From options to a running system: the one module that knows every class.

The order is part of the promise: the directory is locked before anything in it is read, and it is let go last, when no
thread of this process can write any more.
"""

from contextlib import ExitStack

from holdfast.access import credentials_file
from holdfast.access.authenticate import Authenticator
from holdfast.access.credentials_file import AccessKey
from holdfast.app.background import Worker
from holdfast.app.config import StoreOptions
from holdfast.app.directory import BLOBS_NAME, CATALOG_NAME, RootKeyPlace, prepare
from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.lock import StoreLock
from holdfast.catalog.sqlite import SqliteCatalog
from holdfast.chunks.commit import GroupCommit, GroupReport
from holdfast.chunks.packs import PackSet
from holdfast.chunks.store import ChunkStore
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
        packs = PackSet(blobs)
        self._closing.callback(packs.close)

        def observe(report: GroupReport) -> None:
            metrics.group_committed(report.callers, report.seconds)

        commits = GroupCommit(packs, catalog, observe=observe)
        self._closing.callback(commits.close)
        store = Store(
            catalog=catalog,
            commits=commits,
            chunks=ChunkStore(blobs),
            keys=keys,
            tokens=TokenMint(keys.token_key()),
            clock=clock,
            chunk_bytes_max=options.chunk_bytes_max,
        )
        self.workers: dict[str, Worker] = {}
        data = DataPlane(store)
        handlers = data.handlers()
        secrets = {self.access_key.access_key_id: self.access_key.secret}
        self.gateway = Gateway(
            Router(load()),
            Authenticator(secrets.get, clock),
            handlers,
            data.early(),
            BodyLimits(options.chunk_bytes_max),
            metrics,
            log,
        )

    def close(self) -> None:
        """Answer what is under way, then let go of everything, the lock last."""
        self._closing.close()
