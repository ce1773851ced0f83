"""A store opened as a service opens it, everything its API says of it, and its loss and remaking."""

import io
import random
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import copy, copytree, ignore_patterns, rmtree
from typing import Any

import psycopg

from holdfast.access.authenticate import Caller
from holdfast.app.build import System
from holdfast.app.rebuild import rebuild
from holdfast.blobs.disk import RoomyDisk
from holdfast.model import checksum
from holdfast.model.arn import source_arn
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics
from holdfast.records.engines import Engines
from holdfast.records.recorder import Recorder
from holdfast.records.report import RebuildReport
from holdfast.records.reseal import Resealer
from tests.backends import EmbeddedPlace, Place, SharedPlace

CALLER = Caller("AKIDTEST")
ROLE = "arn:aws:iam::000000000000:role/agent"
HIDDEN = ("object_token", "ObjectToken", "ChunkToken")


class StepClock:
    """Each question is a microsecond later; it may be set back."""

    def __init__(self) -> None:
        self.us = 1_800_000_000_000_000

    def now_us(self) -> int:
        self.us += 1
        return self.us


class Store:
    """One place, opened and closed as often as a test likes."""

    place: Place | None = None

    def __init__(self, where: Place | Path, *, disk: RoomyDisk | None = None) -> None:
        """`where`: a folder in which an embedded store is, or a place."""
        self.disk = disk
        self.place = EmbeddedPlace(where / "store") if isinstance(where, Path) else where
        self.folder = self.place.folder
        self.clock = StepClock()
        self.options = self.place.options()
        self.system: System | None = None
        self._packs: list[str] = []

    def open(self) -> "Store":
        log = open_log("error", "json", io.StringIO())
        self.system = System(self.options, Metrics(), log, self.clock, disk=self.disk)
        # Nothing happens behind a test's back; it collects when it says so.
        self.system.upkeep.close()
        return self

    def close(self) -> None:
        if self.system is not None:
            self.system.close()
            self.system = None

    @contextmanager
    def opened(self) -> Iterator["Store"]:
        self.open()
        try:
            yield self
        finally:
            self.close()

    def call(self, operation: str, **params: object) -> Mapping[str, object]:
        assert self.system is not None
        return self.system.handlers[operation](CALLER, params)

    def vault(self, name: str, **more: object) -> None:
        self.call("CreateBackupVault", BackupVaultName=name, **more)

    def start(self, source: str = "home", vault: str = "default", **more: object) -> str:
        params = {"BackupVaultName": vault, "ResourceArn": source_arn(source), "IamRoleArn": ROLE, **more}
        return str(self.call("StartBackupJob", **params)["BackupJobId"])

    def put(self, job: str, name: str, data: bytes, **more: object) -> None:
        chunk = {"InlineChunk": data, "InlineChunkLength": len(data)}
        self.call("PutObject", BackupJobId=job, ObjectName=name, **chunk, **more)

    def start_on(self, system: System, source: str = "home") -> str:
        """A job at another node."""
        params = {"BackupVaultName": "default", "ResourceArn": source_arn(source), "IamRoleArn": ROLE}
        return str(system.handlers["StartBackupJob"](CALLER, params)["BackupJobId"])

    def put_on(self, system: System, job: str, name: str, data: bytes) -> None:
        """An object at another node."""
        chunk = {"InlineChunk": data, "InlineChunkLength": len(data)}
        system.handlers["PutObject"](CALLER, {"BackupJobId": job, "ObjectName": name, **chunk})

    def put_chunks(self, job: str, name: str, chunks: Mapping[int, bytes], **more: object) -> None:
        upload = str(self.call("StartObject", BackupJobId=job, ObjectName=name)["UploadId"])
        for index, data in chunks.items():
            self.call(
                "PutChunk",
                BackupJobId=job,
                UploadId=upload,
                ChunkIndex=index,
                Data=data,
                Length=len(data),
                Checksum=checksum.encode(checksum.digest(data)),
                ChecksumAlgorithm="SHA256",
            )
        summary = checksum.summary(checksum.digest(chunks[index]) for index in sorted(chunks))
        self.call(
            "NotifyObjectComplete",
            BackupJobId=job,
            UploadId=upload,
            ObjectChecksum=checksum.encode(summary),
            ObjectChecksumAlgorithm="SUMMARY",
            **more,
        )

    def delete_object(self, job: str, name: str) -> None:
        self.call("DeleteObject", BackupJobId=job, ObjectName=name)

    def commit(self, job: str) -> str:
        arn = str(self.call("CommitBackupJob", BackupJobId=job)["RecoveryPointArn"])
        if self.place is not None:
            # Nothing else tells later in which order they came.
            self.packs()
        return arn

    def back_up(self, files: Mapping[str, bytes], source: str = "home", vault: str = "default") -> str:
        job = self.start(source, vault)
        for name, data in files.items():
            self.put(job, name, data)
        return self.commit(job)

    def delete_point(self, arn: str, vault: str = "default") -> None:
        self.call("DeleteRecoveryPoint", BackupVaultName=vault, RecoveryPointArn=arn)

    def collect(self) -> None:
        """Everything that can be given back is."""
        while not self.call("CollectGarbage", Seconds=20)["Done"]:
            pass

    def resealer(self) -> Resealer:
        return Resealer(self._engines())

    def recorder(self) -> Recorder:
        return Recorder(self._engines())

    def _engines(self) -> Engines:
        assert self.system is not None
        chunks = self.place.chunks(self.system.places.blobs)
        return Engines(self.system.catalog, self.system.commits, chunks, self.system.keys)

    def write(self, statement: str, **params: object) -> None:
        """A change of the catalog that no operation makes."""
        assert self.system is not None
        self.system.commits.submit((), lambda tx, _: tx.run(statement, params))

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        assert self.system is not None
        with self.system.catalog.snapshot() as tx:
            return tx.all(statement, {})

    def points(self, vault: str = "default") -> list[str]:
        found = self._pages("ListRecoveryPointsByBackupVault", "RecoveryPoints", BackupVaultName=vault)
        return [str(point["RecoveryPointArn"]) for point in found]

    def contents(self, arn: str) -> dict[str, object]:
        """Names, and all that readers are told of each."""
        job = str(
            self.call("StartRestoreJob", RecoveryPointArn=arn, Metadata={}, IdempotencyToken=str(uuid.uuid4()))[
                "RestoreJobId"
            ]
        )
        return {
            str(one["Name"]): self._object(job, one)
            for one in self._pages("ListObjects", "ObjectList", StorageJobId=job)
        }

    def says(self) -> dict[str, object]:
        """Everything that the API says of vaults, recovery points and objects."""
        told: dict[str, object] = {}
        for vault in self._pages("ListBackupVaults", "BackupVaultList"):
            name = str(vault["BackupVaultName"])
            points = self._pages("ListRecoveryPointsByBackupVault", "RecoveryPoints", BackupVaultName=name)
            told[name] = (vault, points)
            for point in points:
                arn = str(point["RecoveryPointArn"])
                described = self.call("DescribeRecoveryPoint", BackupVaultName=name, RecoveryPointArn=arn)
                told[arn] = (described, self.contents(arn))
        return told

    def packs(self) -> list[str]:
        """The names of the packs, in the order in which they came to be seen."""
        there = self.place.names("packs/")
        self._packs = [name for name in self._packs if name in there]
        self._packs += [name for name in there if name not in self._packs]
        return list(self._packs)

    def lose_catalog(self) -> None:
        self.place.lose_catalog()

    def rebuild(self, **more: object) -> RebuildReport:
        if isinstance(self.place, SharedPlace):
            # A schema will be left that was not there.
            self.place._is_as_taken = False
        return rebuild(self.options, clock=self.clock, **more)  # type: ignore[arg-type]

    def keep_catalog(self) -> Callable[[], None]:
        """For when nobody has it open; what puts the catalog back as it is now."""
        if isinstance(self.place, SharedPlace):
            return self._keep_database(self.place)
        data = (self.folder / "catalog").read_bytes()

        def put_back() -> None:
            self.lose_catalog()
            (self.folder / "catalog").write_bytes(data)

        return put_back

    def _keep_database(self, place: SharedPlace) -> Callable[[], None]:
        servers = place._servers
        place._is_as_taken = False
        own, kept = place.database, f"{place.database}_kept"

        def admin(statement: str) -> None:
            with psycopg.connect(servers.postgres.url("postgres"), autocommit=True) as connection:
                connection.execute(statement.encode())

        admin(f"CREATE DATABASE {kept} TEMPLATE {own}")

        def put_back() -> None:
            servers.postgres.drop_database(own)
            admin(f"ALTER DATABASE {kept} RENAME TO {own}")

        return put_back

    def without_catalog(self, place: Place) -> "Store":
        """The same packs and keys elsewhere, and no catalog."""
        if isinstance(place, SharedPlace) and isinstance(self.place, SharedPlace):
            place.lose_catalog()
            place.bucket = self.place.bucket
            place.folder.mkdir(mode=0o700)
            for name in ("root.key", "credentials"):
                copy(self.folder / name, place.folder)
        else:
            copytree(self.folder, place.folder, ignore=ignore_patterns("catalog*", "lock"))
        return Store(place)

    def forget(self) -> None:
        """The directory goes, and a catalog that is elsewhere."""
        rmtree(self.folder)
        if isinstance(self.place, SharedPlace):
            self.place.lose_catalog()

    def replaced(self) -> int:
        """How many former catalogs are kept."""
        if isinstance(self.place, SharedPlace):
            with psycopg.connect(self.place.url) as connection:
                names = "SELECT nspname FROM pg_namespace WHERE nspname ~ '^holdfast_replaced_[0-9]+$'"
                return len(connection.execute(names).fetchall())
        return len([path for path in self.folder.glob("catalog.replaced-*") if path.suffix[-1].isdigit()])

    def _object(self, job: str, listed: Mapping[str, object]) -> object:
        token = listed["ObjectToken"]
        metadata = self.call("GetObjectMetadata", StorageJobId=job, ObjectToken=token)
        chunks = [
            (_shown(chunk), bytes(self.call("GetChunk", StorageJobId=job, ChunkToken=chunk["ChunkToken"])["Data"]))  # type: ignore[call-overload]
            for chunk in self._pages("ListChunks", "ChunkList", StorageJobId=job, ObjectToken=token)
        ]
        return _shown(listed), dict(metadata), chunks

    def _pages(self, operation: str, member: str, **params: object) -> list[Mapping[str, object]]:
        found: list[Mapping[str, object]] = []
        while True:
            answer = self.call(operation, **params)
            found += answer[member]  # type: ignore[arg-type]
            if answer.get("NextToken") is None:
                return found
            params["NextToken"] = answer["NextToken"]


def _shown(entry: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in entry.items() if name not in HIDDEN}


def noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)
