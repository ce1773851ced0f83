"""A whole store on which an operation can be stopped between two of its steps while another one is done.

The parts are the real ones; a stopping part calls back and then passes the call on. So the orders that threads meet
once in a million are written down and happen every time.
"""

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

from holdfast.catalog import condemned
from holdfast.catalog.transaction import Tx
from holdfast.chunks.parity import Parity
from holdfast.controlplane.plane import Options, Plane
from holdfast.controlplane.service import ControlPlane
from holdfast.controlplane.vault_keys import VaultKeys
from holdfast.dataplane.commit_backup_job import Committer
from holdfast.dataplane.service import DataPlane
from holdfast.model.arn import recovery_point_arn
from holdfast.records.engines import Engines
from holdfast.records.recorder import Recorder
from holdfast.upkeep.checking import Checker
from holdfast.upkeep.collector import Collector
from holdfast.upkeep.compactor import Compactor
from holdfast.upkeep.doom import Doom
from holdfast.upkeep.expiry import Expiry
from holdfast.upkeep.fenced import COLLECTOR, FencedWrites
from holdfast.upkeep.survey import Survey
from holdfast.upkeep.sweeping import Sweeping
from tests.backends import Place
from tests.dataplane.rig import CALLER, LEASE_US, Rig

Interlude = Callable[[], object]
_ALL_CHUNKS = "SELECT chunk_no FROM chunks"
DAY_US = 24 * 3600 * 1_000_000


class Stops:
    """Interludes that wait for their moment: each happens once, before the step that it was asked for."""

    def __init__(self) -> None:
        self._waiting: list[tuple[str, int, Interlude]] = []
        self.reached: list[str] = []
        """Interludes that happened, by the step that they came before."""

    def before(self, step: str, interlude: Interlude, *, after: int = 0) -> None:
        """Let `interlude` happen before the next `step`, or before the one that follows `after` more of them."""
        self._waiting.append((step, after, interlude))

    def reach(self, step: str) -> None:
        """The stopping part is about to do `step`."""
        for place, (wanted, after, interlude) in enumerate(self._waiting):
            if wanted != step:
                continue
            if after:
                self._waiting[place] = (wanted, after - 1, interlude)
                continue
            del self._waiting[place]
            self.reached.append(step)
            _in_another_thread(interlude)
            return

    @property
    def all_reached(self) -> bool:
        """Whether every interlude has happened: a test whose stop was never reached shows nothing."""
        return not self._waiting and bool(self.reached)


def _in_another_thread(interlude: Interlude) -> None:
    """Somebody else does it, on a connection of their own; what they raise is raised here."""
    raised: list[BaseException] = []

    def act() -> None:
        try:
            interlude()
        except BaseException as error:  # noqa: BLE001 - raised again below
            raised.append(error)

    thread = threading.Thread(target=act)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


class StoppingCommits:
    """Group commit, stopping before `submit`, in the transaction when the step is done in it (`done`), and after it.

    After it is `answer`: durable, and nobody told yet. Who begins something at `done` must not wait for its end.
    """

    def __init__(self, inner: Any, stops: Stops) -> None:
        self._inner = inner
        self._stops = stops

    def submit(self, frames: Sequence[Any], apply: Callable[..., Any], *urgent: Any, **more: Any) -> Any:
        self._stops.reach("submit")

        def step(tx: Tx, *given: Any) -> Any:
            applied = apply(tx, *given)
            # What is only said may wait to be sent with the next question.
            tx.one("SELECT 1")
            self._stops.reach("done")
            return applied

        value = self._inner.submit(frames, step, *urgent, **more)
        self._stops.reach("answer")
        return value

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class StoppingCatalog:
    """The catalog, stopping before a `snapshot` is opened and inside an open one (`look`)."""

    def __init__(self, inner: Any, stops: Stops) -> None:
        self._inner = inner
        self._stops = stops

    @contextmanager
    def _snapshot(self) -> Iterator[Tx]:
        self._stops.reach("snapshot")
        with self._inner.snapshot() as tx:
            # The view is fixed by the first read, not by BEGIN.
            tx.one("SELECT 1 FROM vaults LIMIT 1")
            self._stops.reach("look")
            yield tx

    def snapshot(self) -> AbstractContextManager[Tx]:
        return self._snapshot()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class StoppingBlobs:
    """The blob store, stopping before `read`, `put` and `delete`."""

    def __init__(self, inner: Any, stops: Stops) -> None:
        self._inner = inner
        self._stops = stops

    def read(self, name: str, offset: int, length: int) -> bytes:
        self._stops.reach("read")
        data: bytes = self._inner.read(name, offset, length)
        return data

    def put(self, name: str, data: bytes) -> None:
        self._stops.reach("put")
        self._inner.put(name, data)

    def delete(self, name: str) -> None:
        self._stops.reach("delete")
        self._inner.delete(name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class Stage(Rig):
    """A store with both planes; `slow` does an operation of the data plane that stops where `stops` says."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.stops = Stops()
        self.slow_commits = StoppingCommits(self.commits, self.stops)
        self.slow_catalog = StoppingCatalog(self.catalog, self.stops)
        self.slow_blobs = StoppingBlobs(self.blobs, self.stops)
        store = replace(
            self.store,
            commits=self.slow_commits,
            catalog=self.slow_catalog,
            chunks=self.place.chunks(self.slow_blobs),
        )
        self.slow_store = store
        self._slow = DataPlane(store)
        self.recorder = Recorder(Engines(self.catalog, self.commits, self.store.chunks, self.ring))
        self.plane = Plane(
            catalog=self.catalog,
            writes=self.commits,
            records=self.recorder,
            keys=self.ring,
            tokens=self.store.tokens,
            clock=self.clock,
            new_uid=uuid.uuid4,
            options=Options(LEASE_US // 10**6),
        )
        self._control = ControlPlane(self.plane).handlers()

    def slow(self, operation: str, **params: object) -> Mapping[str, object]:
        """The operation, with whatever happens in between."""
        return self._slow.handlers()[operation](CALLER, params)

    def slow_early(self, **params: object) -> Mapping[str, object] | None:
        """The answer to a PutChunk before its body was sent."""
        return self._slow.early()["PutChunk"](CALLER, params)

    def control(self, operation: str, **params: object) -> Mapping[str, object]:
        """An operation of the control plane."""
        return self._control[operation](CALLER, params)

    def committer(self) -> Committer:
        """The commits of another process on the same store; they stop too."""
        return Committer(self.slow_store)

    def delete_point(self, point_uid: str, vault: str = "default") -> None:
        """DeleteRecoveryPoint."""
        self.control("DeleteRecoveryPoint", BackupVaultName=vault, RecoveryPointArn=recovery_point_arn(point_uid))

    def points(self, vault: str = "default") -> list[str]:
        """The UUIDs of the recovery points that are listed."""
        listed = self.control("ListRecoveryPointsByBackupVault", BackupVaultName=vault)["RecoveryPoints"]
        return [str(point["RecoveryPointArn"]).rsplit(":", 1)[1] for point in listed]  # type: ignore[attr-defined]

    def state(self, job_id: str) -> str:
        """The state of a backup job in the catalog."""
        with self.catalog.snapshot() as tx:
            row = tx.one("SELECT state FROM backup_jobs WHERE uid = :uid", {"uid": job_id})
        assert row is not None
        return str(row[0])

    def let_leases_end(self) -> None:
        """A day passes."""
        self.clock.us += DAY_US

    def expire(self) -> bool:
        """One step of the worker that ends overdue jobs."""
        return Expiry(self.catalog, self.commits).step(self.clock.now_us())

    def slow_expire(self) -> bool:
        """The same, stopping."""
        return Expiry(self.slow_catalog, self.slow_commits).step(self.clock.now_us())

    def care(self, *, slow: bool = False) -> "Care":
        """The workers that remove and move what is stored, as one process has them; `slow` ones stop."""
        return Care(self, slow=slow)

    def sweep(self) -> None:
        """Every step of the sweep."""
        care = self.care()
        while self.recorder.settle() or care.sweeping.step(self.clock.now_us()):
            pass

    def clean(self) -> None:
        """Everything that can be removed is, packs included; open ones are closed first."""
        self.close_packs()
        self.care().run()

    def compact(self) -> None:
        """Everything that can be removed is, and what lives in packs that are mostly dead stands elsewhere."""
        self.clean()
        self.care().compact()
        self.care().run()

    def checker(self) -> Checker:
        """What verify and scrub check frames with; it stops."""
        parity = Parity(self.slow_blobs)  # type: ignore[arg-type]
        return Checker(self.slow_catalog, self.slow_commits, self.slow_blobs, self.ring, parity)  # type: ignore[arg-type]

    def rotate_key(self) -> None:
        """RotateVaultKey."""
        keys = VaultKeys(self.plane, self.ring, self.packs).handlers()
        keys["RotateVaultKey"](CALLER, {"BackupVaultName": "default"})

    def close_packs(self) -> None:
        """Frames that come from now on go into new packs."""
        with self.catalog.snapshot() as tx:
            uids = [row[0] for row in tx.all("SELECT uid FROM vaults")]
        for uid in uids:
            self.packs.turn_over(uid)

    def condemn_everything(self) -> None:
        """Every chunk is to be looked at by the collector, whether it lost a reference or not."""
        self.commits.submit((), lambda tx, _: condemned.condemn(tx, [row[0] for row in tx.all(_ALL_CHUNKS)]))

    def count(self, table: str) -> int:
        """Rows of a table."""
        with self.catalog.snapshot() as tx:
            row = tx.one(f"SELECT count(*) FROM {table}")
        assert row is not None
        return int(row[0])

    def filled_packs(self) -> int:
        """Rows of packs that must have a file. Where a pack is written whole, others are announced ahead."""
        return self.count("packs WHERE bytes > 0" if self.catalog.parallel else "packs")

    def pack_files(self) -> set[str]:
        """The packs that lie there."""
        return set(self.pack_names())


class Care:
    """Sweep, collector, survey, doom and compactor over one stage."""

    def __init__(self, stage: Stage, *, slow: bool) -> None:
        self.stage = stage
        catalog, blobs = (stage.slow_catalog, stage.slow_blobs) if slow else (stage.catalog, stage.blobs)
        commits = stage.slow_commits if slow else stage.commits
        self.writes = FencedWrites(commits, stage.clock, COLLECTOR, stage.writer)
        self.sweeping = Sweeping(catalog, self.writes)
        self.survey = Survey(catalog, self.writes, blobs, stage.packs, stage.writer)
        self.collector = Collector(catalog, self.writes, self.survey.suspect)
        self.doom = Doom(catalog, self.writes, blobs)
        self.workers = (self.sweeping, self.collector, self.survey, self.doom)
        chunks = stage.place.chunks(blobs)
        self.compactor = Compactor(catalog, self.writes, chunks, stage.ring)

    def compact(self, threshold: int = 20) -> None:
        """Every batch of the compactor; the packs that are empty then are still there."""
        while self.compactor.compact(threshold):
            pass

    def run(self) -> None:
        """All but the compactor, until nobody finds anything to do."""
        while self.stage.recorder.settle() or self.step():
            pass

    def step(self) -> bool:
        """One step of each but the compactor; whether anybody had something to do."""
        return any(worker.step(self.stage.clock.now_us()) for worker in self.workers)
