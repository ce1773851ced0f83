"""A whole store without HTTP: every engine real, on either kind of store."""

import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from holdfast.access.authenticate import Caller
from holdfast.blobs.disk import RoomyDisk
from holdfast.catalog import backup_jobs, leases, recovery_points, restore_jobs, vaults
from holdfast.catalog.transaction import Tx
from holdfast.chunks.packs import PACK_BYTES_MAX_DEFAULT
from holdfast.dataplane.service import DataPlane
from holdfast.dataplane.store import Store
from holdfast.keys.local import LocalKeyProvider
from holdfast.keys.ring import KeyRing
from holdfast.model import checksum
from holdfast.model.arn import source_arn
from holdfast.model.job import BackupJobState
from holdfast.model.token import TokenMint
from holdfast.wire import batch
from holdfast.wire.batch import PutRecord
from tests.backends import EmbeddedPlace, Place
from tests.required_members import lacking

CALLER = Caller(access_key_id="HFAKTEST", account="000000000000")
LEASE_US = 3600 * 1_000_000


@dataclass
class ManualClock:
    """Time moves when it is told to."""

    us: int = 1_700_000_000_000_000

    def now_us(self) -> int:
        self.us += 1
        return self.us


class Rig:
    """One store, with jobs started and ended directly in the catalog."""

    def __init__(
        self,
        place: Place | Path,
        *,
        on_duplicate: Callable[[int], None] = lambda raw_bytes: None,
        pack_bytes_max: int = PACK_BYTES_MAX_DEFAULT,
        disk: RoomyDisk | None = None,
    ) -> None:
        self.place = EmbeddedPlace(place) if isinstance(place, Path) else place
        self.folder = self.place.folder
        self.clock = ManualClock()
        self.blobs = self.place.blobs(disk)
        self.catalog = self.place.catalog()
        self.ring = KeyRing(LocalKeyProvider(b"k" * 32), self.blobs)
        self.writer = self.place.writer(self.catalog, self.clock.now_us())
        self.packs = self.place.packs(self.blobs, self.writer, pack_bytes_max=pack_bytes_max)
        self.commits = self.place.commits(self.packs, self.catalog)
        self.store = Store(
            self.catalog,
            self.commits,
            self.place.chunks(self.blobs),
            self.ring,
            TokenMint(self.ring.token_key()),
            self.clock,
            on_duplicate=on_duplicate,
        )
        plane = DataPlane(self.store)
        self._handlers = plane.handlers()
        self._early = plane.early()

    def close(self) -> None:
        self.commits.close()
        self.catalog.close()
        self.blobs.close()

    def pack_names(self) -> list[str]:
        """The packs that lie there."""
        return list(self.blobs.list("packs/"))

    def call(self, operation: str, **params: object) -> Mapping[str, object]:
        answer = self._handlers[operation](CALLER, params)
        assert not lacking(operation, answer)
        return answer

    def early(self, **params: object) -> Mapping[str, object] | None:
        return self._early["PutChunk"](CALLER, params)

    def vault(self, name: str = "default") -> None:
        uid = os.urandom(16)
        self.ring.create(uid)
        row = vaults.VaultRow(0, uid, name, None, None, self.clock.now_us())
        self.commits.submit((), lambda tx, _: vaults.insert(tx, row))

    def start(self, source: str = "home", vault: str = "default") -> str:
        job_id = str(uuid.uuid4())

        def step(tx: Tx, _: object) -> None:
            backup_jobs.start(
                tx,
                backup_jobs.NewBackupJob(
                    uid=job_id,
                    point_uid=str(uuid.uuid4()),
                    vault_no=vaults.get(tx, vault).vault_no,
                    resource_arn=source_arn(source),
                    role_arn="arn:aws:iam::000000000000:role/backup",
                    idempotency_token=None,
                    options="{}",
                    now_us=self.clock.now_us(),
                    lease_us=LEASE_US,
                ),
            )

        self.commits.submit((), step)
        return job_id

    def abort(self, job_id: str) -> None:
        def step(tx: Tx, _: object) -> None:
            job = leases.backup_job(tx, job_id)
            leases.abandon(tx, job, BackupJobState.ABORTED, "by a test", self.clock.now_us())

        self.commits.submit((), step)

    def commit(self, job_id: str, **options: object) -> str:
        """The UUID of the recovery point."""
        answer = self.call("CommitBackupJob", BackupJobId=job_id, **options)
        return str(answer["RecoveryPointArn"]).rsplit(":", 1)[1]

    def restore(self, point_uid: str) -> str:
        job_id = str(uuid.uuid4())

        def step(tx: Tx, _: object) -> None:
            point = recovery_points.find(tx, point_uid)
            assert point is not None
            restore_jobs.insert(
                tx,
                restore_jobs.NewRestoreJob(
                    uid=job_id,
                    point_no=point.point_no,
                    point_uid=point_uid,
                    role_arn=None,
                    resource_type=None,
                    metadata="{}",
                    idempotency_token=None,
                    now_us=self.clock.now_us(),
                    lease_us=LEASE_US,
                ),
            )

        self.commits.submit((), step)
        return job_id

    def put(self, job_id: str, name: str, data: bytes | None = None, **more: object) -> Mapping[str, object]:
        chunk = {} if data is None else {"InlineChunk": data, "InlineChunkLength": len(data)}
        return self.call("PutObject", BackupJobId=job_id, ObjectName=name, **chunk, **more)

    def put_together(self, job_id: str, contents: Mapping[str, bytes]) -> None:
        """By one PutObjects."""
        records = [PutRecord(name, None, data, checksum.digest(data)) for name, data in contents.items()]
        self.call("PutObjects", BackupJobId=job_id, Objects=batch.encode(records))

    def put_chunk(self, job_id: str, upload_id: str, index: int, data: bytes) -> Mapping[str, object]:
        return self.call("PutChunk", Data=data, **self.chunk_params(job_id, upload_id, index, data))

    @staticmethod
    def chunk_params(job_id: str, upload_id: str, index: int, data: bytes) -> dict[str, object]:
        return {
            "BackupJobId": job_id,
            "UploadId": upload_id,
            "ChunkIndex": index,
            "Length": len(data),
            "Checksum": sha(data),
            "ChecksumAlgorithm": "SHA256",
        }

    def open_upload(self, job_id: str, name: str, **more: object) -> str:
        return str(self.call("StartObject", BackupJobId=job_id, ObjectName=name, **more)["UploadId"])

    def complete(self, job_id: str, upload_id: str, *chunks: bytes, **more: object) -> Mapping[str, object]:
        return self.call(
            "NotifyObjectComplete",
            BackupJobId=job_id,
            UploadId=upload_id,
            ObjectChecksum=summary(*chunks),
            ObjectChecksumAlgorithm="SUMMARY",
            **more,
        )

    def names(self, job_id: str, **filters: object) -> list[str]:
        listed: list[str] = []
        token: dict[str, object] = {}
        while True:
            page = self.call("ListObjects", StorageJobId=job_id, **(filters | token))
            listed += [entry["Name"] for entry in page["ObjectList"]]  # type: ignore[attr-defined]
            if page["NextToken"] is None:
                return listed
            token = {"NextToken": page["NextToken"]}

    def token_of(self, job_id: str, name: str) -> str:
        page = self.call("ListObjects", StorageJobId=job_id, StartingObjectName=name, MaxResults=1)
        (entry,) = page["ObjectList"]  # type: ignore[misc, str-unpack]
        assert entry["Name"] == name
        return str(entry["ObjectToken"])

    def chunks(self, job_id: str, name: str) -> list[tuple[int, bytes]]:
        token = self.token_of(job_id, name)
        listed = self.call("ListChunks", StorageJobId=job_id, ObjectToken=token)["ChunkList"]
        return [
            (chunk["Index"], bytes(self.call("GetChunk", StorageJobId=job_id, ChunkToken=chunk["ChunkToken"])["Data"]))  # type: ignore[call-overload]
            for chunk in listed  # type: ignore[attr-defined]
        ]

    def contents(self, job_id: str) -> dict[str, bytes]:
        return {name: b"".join(data for _, data in self.chunks(job_id, name)) for name in self.names(job_id)}


def sha(data: bytes) -> str:
    return checksum.encode(checksum.digest(data))


def summary(*chunks: bytes) -> str:
    return checksum.encode(checksum.summary(map(checksum.digest, chunks)))
