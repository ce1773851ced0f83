"""Several nodes on one PostgreSQL and one bucket, each as `serve` opens it, and a client of each."""

import io
import threading
from collections.abc import Callable, Mapping
from typing import Any, cast

from holdfast.access.authenticate import Caller
from holdfast.app.build import System
from holdfast.app.config import StoreOptions
from holdfast.catalog import writers
from holdfast.model import checksum
from holdfast.model.arn import source_arn
from holdfast.model.errors import HoldfastError
from holdfast.model.purpose import Purpose
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics

ROLE = "arn:aws:iam::000000000000:role/backup"
_CALLER = Caller("somebody")


class Node:
    """One open node; nothing works in the background but its signs of life."""

    def __init__(self, options: StoreOptions) -> None:
        self.options = options
        self.system = System(options, Metrics(), open_log("error", "json", io.StringIO()), background=False)

    def close(self) -> None:
        self.system.close()

    def call(self, operation: str, **params: object) -> Mapping[str, Any]:
        """An operation by name."""
        return cast(Mapping[str, Any], self.system.handlers[operation](_CALLER, params))

    def start(self, source: str = "home") -> str:
        """The id of a new job."""
        arn = source_arn(source)
        return str(
            self.call("StartBackupJob", BackupVaultName="default", ResourceArn=arn, IamRoleArn=ROLE)["BackupJobId"]
        )

    def put(self, job: str, name: str, data: bytes, **more: object) -> None:
        """By PutObject."""
        params = {"InlineChunk": data, "InlineChunkLength": len(data)} | more
        self.call("PutObject", BackupJobId=job, ObjectName=name, **params)

    def open_upload(self, job: str, name: str) -> str:
        """By StartObject."""
        return str(self.call("StartObject", BackupJobId=job, ObjectName=name)["UploadId"])

    def put_chunk(self, job: str, upload: str, index: int, data: bytes) -> None:
        """By PutChunk."""
        self.call(
            "PutChunk",
            BackupJobId=job,
            UploadId=upload,
            ChunkIndex=index,
            Length=len(data),
            Checksum=checksum.encode(checksum.digest(data)),
            ChecksumAlgorithm=checksum.SHA256,
            Data=data,
        )

    def complete(self, job: str, upload: str, *chunks: bytes) -> None:
        """By NotifyObjectComplete."""
        self.call(
            "NotifyObjectComplete",
            BackupJobId=job,
            UploadId=upload,
            ObjectChecksum=checksum.encode(checksum.summary(map(checksum.digest, chunks))),
            ObjectChecksumAlgorithm=checksum.SUMMARY,
        )

    def commit(self, job: str, **more: object) -> str:
        """The ARN of the recovery point."""
        return str(self.call("CommitBackupJob", BackupJobId=job, **more)["RecoveryPointArn"])

    def read(self, point: str) -> dict[str, bytes]:
        """Everything that a recovery point holds."""
        return self.contents(str(self.call("StartRestoreJob", RecoveryPointArn=point, Metadata={})["RestoreJobId"]))

    def contents(self, job: str) -> dict[str, bytes]:
        """Everything that a job's view holds."""
        listed = self.call("ScanObjects", StorageJobId=job, MaxResults=100)
        assert listed["NextToken"] is None
        return {one["Name"]: self._content(job, str(one["ObjectToken"])) for one in listed["ObjectList"]}

    def chunks(self, job: str, name: str) -> list[tuple[int, bytes]]:
        """The chunks of an object."""
        [one] = self.call("ListObjects", StorageJobId=job, StartingObjectName=name, MaxResults=1)["ObjectList"]
        assert one["Name"] == name
        return self._chunks(job, str(one["ObjectToken"]))

    def fetch(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows of the catalog."""
        with self.system.catalog.snapshot() as tx:
            return tx.all(statement)

    def collect(self) -> None:
        """CollectGarbage, until there is nothing left to do."""
        while not self.call("CollectGarbage", Seconds=5)["Done"]:
            pass

    def end_writers(self) -> None:
        """This node takes all others, and itself, for dead."""

        def end(tx: Any) -> None:
            for number in writers.live(tx):
                writers.end(tx, number)

        [outcome] = self.system.catalog.run([end], Purpose.BEGIN)
        assert outcome.error is None

    def _content(self, job: str, token: str) -> bytes:
        return b"".join(data for _, data in self._chunks(job, token))

    def _chunks(self, job: str, token: str) -> list[tuple[int, bytes]]:
        listed = self.call("ListChunks", StorageJobId=job, ObjectToken=token)["ChunkList"]
        return [
            (one["Index"], bytes(self.call("GetChunk", StorageJobId=job, ChunkToken=one["ChunkToken"])["Data"]))
            for one in listed
        ]


def at_once(*calls: Callable[[], object]) -> list[object]:
    """What each came to, its answer or its error, when all are begun at the same moment."""
    outcomes: list[object] = [None] * len(calls)
    gate = threading.Barrier(len(calls))

    def run(place: int, call: Callable[[], object]) -> None:
        gate.wait()
        try:
            outcomes[place] = call()
        except HoldfastError as error:
            outcomes[place] = error

    threads = [threading.Thread(target=run, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
