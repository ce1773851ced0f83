"""The verbs of a backup and a restore, said with any boto3: whichever release runs this file is the one under test.

`backupstorage` and `backup` come from the release itself where it carries them; only Holdfast's own model, and
`backupstorage` for releases that no longer have it, come from the folder that `holdfast env` names.
"""

import base64
import hashlib
import itertools
import os
from collections.abc import Iterator, Sequence
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

ROLE = "arn:aws:iam::000000000000:role/backup"
_numbers = itertools.count(1)


def sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def summary(chunks: Sequence[bytes]) -> str:
    return base64.b64encode(hashlib.sha256(b"".join(hashlib.sha256(c).digest() for c in chunks)).digest()).decode()


class Unseekable:
    """A body of unknown length that can be read once, as from a pipe: boto3 sends it in chunked transfer."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)

    def read(self, size: int = -1) -> bytes:
        size = len(self._data) if size is None or size < 0 else size
        piece, self._data = bytes(self._data[:size]), self._data[size:]
        return piece

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.read(65536):
            yield piece


class Service:
    """The three clients, a vault of this run's own, and what can be done with them."""

    def __init__(self) -> None:
        models = os.environ["HOLDFAST_MODELS"]
        unaided = boto3.Session()
        aided_core = botocore.session.Session()
        aided_core.set_config_variable("data_path", models)
        aided = boto3.Session(botocore_session=aided_core)
        self.carries_the_service = "backupstorage" in unaided.get_available_services()
        self.sessions = {
            "storage": unaided if self.carries_the_service else aided,
            "holdfast": aided,
            "backup": unaided,
        }
        config = Config(retries={"max_attempts": 0}, read_timeout=60)
        self.storage = self.sessions["storage"].client("backupstorage", config=config)
        self.holdfast = self.sessions["holdfast"].client("holdfast", config=config)
        self.backup = self.sessions["backup"].client("backup", config=config)
        self.vault = f"boto3-{boto3.__version__.replace('.', '-')}"
        self.backup.create_backup_vault(BackupVaultName=self.vault)

    def new_source(self) -> str:
        return f"arn:aws:holdfast:local:000000000000:source/{self.vault}-{next(_numbers)}"

    def start_job(self, source: str | None = None) -> str:
        started = self.backup.start_backup_job(
            BackupVaultName=self.vault, ResourceArn=source or self.new_source(), IamRoleArn=ROLE
        )
        return str(started["BackupJobId"])

    def commit(self, job: str) -> str:
        return str(self.holdfast.commit_backup_job(BackupJobId=job)["RecoveryPointArn"])

    def start_restore(self, point: str) -> str:
        started = self.backup.start_restore_job(RecoveryPointArn=point, Metadata={}, IamRoleArn=ROLE)
        return str(started["RestoreJobId"])

    def put_inline(self, job: str, name: str, data: bytes | None, **more: Any) -> dict[str, Any]:
        if data is not None:
            more = {
                "InlineChunk": data,
                "InlineChunkLength": len(data),
                "InlineChunkChecksum": sha256(data),
                "InlineChunkChecksumAlgorithm": "SHA256",
                "ObjectChecksum": summary([data]),
                "ObjectChecksumAlgorithm": "SUMMARY",
                **more,
            }
        return dict(self.storage.put_object(BackupJobId=job, ObjectName=name, **more))

    def put_chunk(self, job: str, upload: str, index: int, data: bytes, body: Any = None) -> dict[str, Any]:
        return dict(
            self.storage.put_chunk(
                BackupJobId=job,
                UploadId=upload,
                ChunkIndex=index,
                Data=data if body is None else body,
                Length=len(data),
                Checksum=sha256(data),
                ChecksumAlgorithm="SHA256",
            )
        )

    def put_chunked(self, job: str, name: str, chunks: Sequence[bytes], blob: bytes | None = None, **more: Any) -> None:
        upload = self.storage.start_object(BackupJobId=job, ObjectName=name)["UploadId"]
        for index, chunk in enumerate(chunks):
            self.put_chunk(job, upload, index, chunk)
        if blob is not None:
            more["MetadataBlob"] = blob
            more["MetadataBlobLength"] = len(blob)
            more["MetadataBlobChecksum"] = sha256(blob)
            more["MetadataBlobChecksumAlgorithm"] = "SHA256"
        done = self.complete(job, upload, chunks, **more)
        assert done["ObjectChecksum"] == summary(chunks)

    def complete(self, job: str, upload: str, chunks: Sequence[bytes], **more: Any) -> dict[str, Any]:
        return dict(
            self.storage.notify_object_complete(
                BackupJobId=job,
                UploadId=upload,
                ObjectChecksum=summary(chunks),
                ObjectChecksumAlgorithm="SUMMARY",
                **more,
            )
        )

    def objects(self, job: str, **filters: Any) -> list[dict[str, Any]]:
        """All objects of a restore or backup job, page by page."""
        return list(pages(self.storage.list_objects, "ObjectList", StorageJobId=job, **filters))

    def names(self, job: str, **filters: Any) -> list[str]:
        return [entry["Name"] for entry in self.objects(job, **filters)]

    def read(self, job: str, token: str, **filters: Any) -> list[bytes]:
        """An object's chunks in ascending index, each checked against what is said of it."""
        chunks = []
        listed = list(pages(self.storage.list_chunks, "ChunkList", StorageJobId=job, ObjectToken=token, **filters))
        assert [entry["Index"] for entry in listed] == sorted(entry["Index"] for entry in listed)
        for entry in listed:
            got = self.storage.get_chunk(StorageJobId=job, ChunkToken=entry["ChunkToken"])
            data = got["Data"].read()
            assert (got["Length"], got["Checksum"], got["ChecksumAlgorithm"]) == (len(data), sha256(data), "SHA256")
            assert (entry["Length"], entry["Checksum"]) == (len(data), sha256(data))
            chunks.append(data)
        return chunks

    def contents(self, job: str) -> dict[str, bytes]:
        return {entry["Name"]: b"".join(self.read(job, entry["ObjectToken"])) for entry in self.objects(job)}

    def metadata(self, job: str, token: str) -> tuple[str | None, bytes]:
        """Metadata string (as text again: HTTP libraries read headers as Latin-1) and blob, checked."""
        got = self.storage.get_object_metadata(StorageJobId=job, ObjectToken=token)
        blob = got["MetadataBlob"].read()
        if "MetadataBlobLength" in got:
            assert (got["MetadataBlobLength"], got["MetadataBlobChecksum"]) == (len(blob), sha256(blob))
        else:
            assert blob == b""
        text = got.get("MetadataString")
        return (None if text is None else text.encode("latin-1").decode("utf-8")), blob


def pages(operation: Any, member: str, **parameters: Any) -> Iterator[dict[str, Any]]:
    """Every entry of a list operation, following NextToken to its end."""
    while True:
        page = operation(**parameters)
        yield from page[member]
        if not page.get("NextToken"):
            return
        parameters["NextToken"] = page["NextToken"]
