"""Stores of either kind to move, full of what a store may hold, and everything that may be compared of them."""

import io
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holdfast.app.build import System
from holdfast.app.config import StoreOptions
from holdfast.app.moving import Wishes, migrate
from holdfast.app.moving_report import MoveReport, Progress
from holdfast.blobs.s3 import S3Blobs
from holdfast.blobs.s3_options import S3Options
from holdfast.catalog.postgres_options import PostgresOptions
from holdfast.model import checksum
from holdfast.model.errors import Damaged
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics
from scripts.servers.postgres import Postgres
from scripts.servers.rgw import RadosGateway
from tests.records.rig import StepClock, Store, noise

DAMAGED = b"(damaged)"
KIB = 1024


class Place(Store):
    """A store at some place; its clock goes on from place to place."""

    def __init__(self, options: StoreOptions, clock: StepClock | None = None) -> None:
        self.folder = options.directory
        self.options = options
        self.clock = clock or StepClock()
        self.system: System | None = None

    @classmethod
    def embedded(cls, folder: Path, clock: StepClock | None = None) -> "Place":
        return cls(StoreOptions(directory=folder, reserve_bytes=0), clock)

    def open(self) -> "Place":
        log = open_log("error", "json", io.StringIO())
        self.system = System(self.options, Metrics(), log, self.clock, background=False)
        return self

    def call(self, operation: str, **params: object) -> Mapping[str, object]:
        """A chunk that cannot be read is an answer too."""
        try:
            return super().call(operation, **params)
        except Damaged:
            if operation != "GetChunk":
                raise
            return {"Data": DAMAGED}

    def says(self) -> dict[str, object]:
        told = super().says()
        told["jobs"] = self._pages("ListBackupJobs", "BackupJobs")
        return told

    def damages(self) -> list[Mapping[str, object]]:
        """Everything that a full verification names."""
        found: list[Mapping[str, object]] = []
        token = None
        while True:
            answer = self.call("VerifyStore", Seconds=30, **({"NextToken": token} if token else {}))
            for member in ("Damages", "DamagedManifests", "DamagedRecords"):
                found += answer[member]  # type: ignore[arg-type]
            token = answer["NextToken"]
            if token is None:
                return found

    def move_to(self, target: "Place", progress: Progress | None = None, **wishes: Any) -> MoveReport:
        told = progress or (lambda _what, _done, _total: None)
        return migrate(self.options, target.options, Wishes(**wishes), progress=told, clock=self.clock)

    def arguments(self, side: str) -> list[str]:
        """The words of `holdfast migrate` for this end."""
        words = [f"--{side}", str(self.folder)]
        if self.options.catalog is not None and self.options.bucket is not None:
            bucket = self.options.bucket
            words += [f"--{side}-catalog", self.options.catalog.url]
            words += [f"--{side}-blobs", f"s3://{bucket.bucket}/{bucket.prefix}"]
            words += [f"--{side}-s3-endpoint", str(bucket.endpoint)]
        return words

    def names(self, prefix: str = "packs/") -> list[str]:
        return list(self._blobs().list(prefix))

    def size(self, name: str) -> int:
        return int(self._blobs().size(name))

    def damage(self, name: str, offset: int) -> None:
        """One bit of a blob, behind everybody's back."""
        blobs = self._blobs()
        data = bytearray(blobs.get(name))
        data[offset] ^= 0x40
        if isinstance(blobs, S3Blobs):
            blobs.put_new(name, bytes(data))
        else:
            blobs.replace(name, bytes(data))

    def _blobs(self) -> Any:
        from holdfast.app.places import open_blobs

        return open_blobs(self.options).blobs


@dataclass(frozen=True)
class Elsewhere:
    """A database server and an S3 server with room for stores."""

    postgres: Postgres
    gateway: RadosGateway

    def place(self, folder: Path, clock: StepClock | None = None) -> Place:
        """A node of a store that is not there yet, with a database and a bucket of its own."""
        gateway = self.gateway
        bucket = S3Options(
            bucket=gateway.new_bucket(),
            prefix="within/it",
            endpoint=gateway.endpoint,
            region=gateway.region,
            access_key_id=gateway.access_key,
            secret_access_key=gateway.secret_key,
        )
        catalog = PostgresOptions(self.postgres.url(self.postgres.new_database()))
        return Place(StoreOptions(directory=folder, catalog=catalog, bucket=bucket), clock)

    def environment(self) -> dict[str, str]:
        """What `holdfast migrate` needs to reach the bucket."""
        return {
            "HOLDFAST_S3_ACCESS_KEY_ID": self.gateway.access_key,
            "HOLDFAST_S3_SECRET_ACCESS_KEY": self.gateway.secret_key,
            "HOLDFAST_S3_REGION": self.gateway.region,
        }


@dataclass
class Held:
    """What clients hold of a store that moves: handles of jobs that run, and what they must come to."""

    restore_job: str = ""
    object_token: str = ""
    chunk_token: str = ""
    next_token: str = ""
    chunk: bytes = b""
    backup_job: str = ""
    upload: str = ""
    sent: dict[int, bytes] = field(default_factory=dict)
    names_left: list[str] = field(default_factory=list)

    def read_on(self, store: Store) -> None:
        """Every handle of the reader is good."""
        got = store.call("GetChunk", StorageJobId=self.restore_job, ChunkToken=self.chunk_token)
        assert bytes(got["Data"]) == self.chunk  # type: ignore[call-overload]
        store.call("GetObjectMetadata", StorageJobId=self.restore_job, ObjectToken=self.object_token)
        page = store.call("ListObjects", StorageJobId=self.restore_job, MaxResults=3, NextToken=self.next_token)
        assert [one["Name"] for one in page["ObjectList"]] == self.names_left[:3]  # type: ignore[attr-defined]

    def write_on(self, store: Store, index: int) -> None:
        """One chunk more goes into the upload."""
        self.sent[index] = noise(index, 3000)
        put_chunk(store, self.backup_job, self.upload, index, self.sent[index])

    def finish(self, store: Store) -> str:
        """The upload is completed and its job committed: the recovery point's ARN."""
        summary = checksum.summary(checksum.digest(self.sent[index]) for index in sorted(self.sent))
        store.call(
            "NotifyObjectComplete",
            BackupJobId=self.backup_job,
            UploadId=self.upload,
            ObjectChecksum=checksum.encode(summary),
            ObjectChecksumAlgorithm="SUMMARY",
        )
        return store.commit(self.backup_job)


def put_chunk(store: Store, job: str, upload: str, index: int, data: bytes) -> None:
    store.call(
        "PutChunk",
        BackupJobId=job,
        UploadId=upload,
        ChunkIndex=index,
        Data=data,
        Length=len(data),
        Checksum=checksum.encode(checksum.digest(data)),
        ChecksumAlgorithm="SHA256",
    )


def fill(store: Place, points: int = 20) -> Held:
    """Opens the store again and again and leaves in it what a store may hold. It is closed at the end."""
    dice = random.Random(7)
    sources = (("mail", "default"), ("home", "default"), ("web", "second"), ("db", "second"), ("home", "second"))
    made: list[tuple[str, str]] = []
    with store.opened():
        store.vault("second")
        store.vault("empty", BackupVaultTags={"a": "b"})
    for number in range(points):
        source, vault = sources[number % len(sources)]
        with store.opened():
            job = store.start(source, vault)
            for one in range(dice.randrange(3, 9)):
                store.put(job, f"{'é' * (one % 2)}file{one}", noise(number * dice.randrange(2) * 100 + one, 3000))
            store.put_chunks(job, f"large{number}", {0: noise(number, 5000), 7: noise(number + 1, 5000)})
            if number >= len(sources):
                store.delete_object(job, f"large{number - len(sources)}")
            made.append((store.commit(job), vault))
            if number == points // 2:
                store.call("RotateVaultKey", BackupVaultName="default")
    with store.opened():
        # Swept and collected; then some that nothing has looked at yet; and a job that was given up.
        for arn, vault in made[:2]:
            store.delete_point(arn, vault)
        store.collect()
        store.delete_point(*made[4])
        job = store.start("given up")
        store.put(job, "x", noise(900, 9000))
        store.call("StopBackupJob", BackupJobId=job)
        _verify(store, AddParity=10)
    return _hold(store, made[-1][0])


def _hold(store: Place, arn: str) -> Held:
    held = Held()
    with store.opened():
        started = store.call("StartRestoreJob", RecoveryPointArn=arn, Metadata={}, IdempotencyToken="held")
        held.restore_job = str(started["RestoreJobId"])
        everything = store.call("ListObjects", StorageJobId=held.restore_job)["ObjectList"]
        names = [str(one["Name"]) for one in everything]  # type: ignore[attr-defined]
        page = store.call("ListObjects", StorageJobId=held.restore_job, MaxResults=2)
        first = page["ObjectList"][0]  # type: ignore[index]
        held.object_token, held.next_token, held.names_left = first["ObjectToken"], str(page["NextToken"]), names[2:]
        chunks = store.call("ListChunks", StorageJobId=held.restore_job, ObjectToken=held.object_token)["ChunkList"]
        held.chunk_token = chunks[0]["ChunkToken"]  # type: ignore[index]
        got = store.call("GetChunk", StorageJobId=held.restore_job, ChunkToken=held.chunk_token)
        held.chunk = bytes(got["Data"])  # type: ignore[call-overload]
        held.backup_job = store.start("running")
        store.put(held.backup_job, "before", noise(901, 4000))
        held.upload = str(store.call("StartObject", BackupJobId=held.backup_job, ObjectName="open")["UploadId"])
        for index in (3, 0):
            held.write_on(store, index)
    return held


def _verify(store: Store, **params: object) -> None:
    token = None
    while True:
        answer = store.call("VerifyStore", Seconds=30, **({"NextToken": token} if token else params))
        token = answer["NextToken"]
        if token is None:
            return
