"""The control plane on a real catalog, key ring and group commit, on each kind of store in turn."""

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from holdfast.access.authenticate import Caller
from holdfast.catalog import backup_jobs, objects, recovery_points
from holdfast.catalog.objects import View
from holdfast.catalog.recovery_points import NewRecoveryPoint
from holdfast.catalog.transaction import Tx
from holdfast.controlplane.plane import Options, Plane
from holdfast.controlplane.service import ControlPlane
from holdfast.keys.local import LocalKeyProvider
from holdfast.keys.ring import KeyRing
from holdfast.model.job import BackupJobState
from holdfast.model.token import TokenMint
from holdfast.records.engines import Engines
from holdfast.records.recorder import Recorder
from holdfast.upkeep.expiry import Expiry
from holdfast.wire import specs
from holdfast.wire.serialize import serialize
from tests.backends import Backend, Place

ALICE = Caller("AKIDALICE")
ROLE = "arn:aws:iam::000000000000:role/agent"
SECOND = 1_000_000


class Hands:
    """A clock that moves when told, every operation by name, and the commit that another plane does."""

    def __init__(self, place: Place) -> None:
        self.time_us = 1_800_000_000 * SECOND
        self.place = place
        self.catalog = place.catalog()
        self.blobs = place.blobs()
        self.packs = place.packs(self.blobs, place.writer(self.catalog, self.time_us))
        self.writes = place.commits(self.packs, self.catalog)
        self.keys = KeyRing(LocalKeyProvider(b"k" * 32), self.blobs)
        self.chunks = place.chunks(self.blobs)
        plane = self.plane = Plane(
            catalog=self.catalog,
            writes=self.writes,
            records=Recorder(Engines(self.catalog, self.writes, self.chunks, self.keys)),
            keys=self.keys,
            tokens=TokenMint(self.keys.token_key()),
            clock=self,
            new_uid=uuid.uuid4,
            options=Options(job_lease_seconds=3600),
        )
        self.handlers = ControlPlane(plane).handlers()
        self.expiry = Expiry(self.catalog, self.writes, monotonic=lambda: self.time_us / 1e6)

    def now_us(self) -> int:
        return self.time_us

    def call(self, operation: str, **params: object) -> Mapping[str, object]:
        """The answer, of which the codec knows every member."""
        result = self.handlers[operation](ALICE, params)
        serialize(specs.load().operation(operation), result)
        return {name: value for name, value in result.items() if value is not None}

    def pages(self, operation: str, member: str, **params: object) -> list[list[Mapping[str, object]]]:
        """All pages of a list."""
        pages = []
        while True:
            answer = self.call(operation, **params)
            pages.append(answer[member])
            if "NextToken" not in answer:
                return pages  # type: ignore[return-value]
            params["NextToken"] = answer["NextToken"]

    def start(self, source: str = "home", vault: str = "default", **params: object) -> str:
        arn = f"arn:aws:holdfast:local:000000000000:source/{source}"
        answer = self.call("StartBackupJob", BackupVaultName=vault, ResourceArn=arn, IamRoleArn=ROLE, **params)
        return str(answer["BackupJobId"])

    def commit(self, job_id: str) -> str:
        """Makes a recovery point of the job; its ARN."""

        def step(tx: Tx, _: object) -> None:
            job = backup_jobs.find(tx, job_id)
            assert job is not None
            objects.close(tx, View(job.series_no, job.base_seq, own=job.seq, job_no=job.job_no))
            assert backup_jobs.move(tx, job.job_no, BackupJobState.COMPLETED, None, self.time_us)
            point = NewRecoveryPoint(
                job.point_uid, job.series_no, job.seq, job.job_no, 7, 700, job.created_us, self.time_us
            )
            recovery_points.insert(tx, point, [])

        self.writes.submit((), step)
        return str(self.call("DescribeBackupJob", BackupJobId=job_id)["RecoveryPointArn"])

    def close(self) -> None:
        self.writes.close()
        self.packs.close()
        self.blobs.close()
        self.catalog.close()


@pytest.fixture
def hands(backend: Backend, tmp_path: Path) -> Iterator[Hands]:
    hands = Hands(backend.place(tmp_path / "store"))
    hands.call("CreateBackupVault", BackupVaultName="default")
    yield hands
    hands.close()
