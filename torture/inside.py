"""The whole service inside this process, its operations called as the gateway calls them.

Nothing happens by itself here: no upkeep works in the background, and time moves when it is told to. So a run that is
made again from the same seed does the same, and a directory that is copied between two calls is what a kill at that
moment would have left.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from holdfast.access.authenticate import Caller
from holdfast.app.build import System
from holdfast.app.unlock import Unlock
from holdfast.catalog import vaults
from holdfast.chunks.packs import pack_name
from holdfast.model import checksum
from holdfast.model.arn import source_arn
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics
from holdfast.wire import batch
from holdfast.wire.batch import PutRecord
from torture.content import Content, Piece
from torture.ground import DirectoryGround, Ground

VAULT = "default"
"""The vault that every store has."""
ROLE = "arn:aws:iam::000000000000:role/torture"
DAY_US = 86_400_000_000

_RESERVE_BYTES = 4096
"""Stores are copied all the time."""

Answer = Mapping[str, Any]

_CALLER = Caller("torture")


Damage = tuple[str, str, int]
"""ARN of a point, name of an object, and index of the chunk that cannot be read; -1 is the metadata blob."""
_CALLS_MAX = 30


@dataclass(slots=True)
class Verified:
    """What VerifyStore came to, all answers together."""

    damages: set[Damage] = field(default_factory=set)
    records: list[object] = field(default_factory=list)
    """Manifests and records that are damaged and could not be made good."""
    repaired: int = 0
    resealed: int = 0
    parity_added: int = 0


@dataclass(slots=True)
class HandClock:
    """Time stands still between two calls, and moves by a microsecond with each look."""

    us: int = 1_700_000_000_000_000

    def now_us(self) -> int:
        self.us += 1
        return self.us


class Inside:
    """An open store with every operation of the service. `close` it, or copy the directory as a kill would leave it."""

    def __init__(self, place: Path | Ground, clock: HandClock, unlock: Unlock | None = None) -> None:
        """Opens the store, or makes one. Raises what the service would refuse to start with."""
        self.ground = DirectoryGround(place) if isinstance(place, Path) else place
        options = self.ground.options(reserve_bytes=_RESERVE_BYTES, unlock=unlock or Unlock())
        log = open_log("error", "json", io.StringIO())
        self.system = System(options, Metrics(), log, clock, background=False)

    def close(self) -> None:
        """As a service that is stopped."""
        self.system.close()

    def call(self, operation: str, **params: object) -> Answer:
        """One operation by name, with its members by theirs. Raises errors of model/errors."""
        return cast(Answer, self.system.handlers[operation](_CALLER, params))

    def pages(self, operation: str, member: str, **params: object) -> Iterator[Answer]:
        """The items of a list, all pages."""
        more: dict[str, object] = {}
        while True:
            page = self.call(operation, **params, **more)
            yield from page[member]
            if page.get("NextToken") is None:
                return
            more = {"NextToken": page["NextToken"]}

    def start(self, source: str, vault: str = VAULT) -> tuple[str, str]:
        """A new job of `source`: its id, and the ARN of the point that its commit will make."""
        made = self.call("StartBackupJob", BackupVaultName=vault, ResourceArn=source_arn(source), IamRoleArn=ROLE)
        return str(made["BackupJobId"]), str(made["RecoveryPointArn"])

    def restore(self, point: str) -> str:
        """The id of a storage job that reads the recovery point with that ARN."""
        return str(self.call("StartRestoreJob", RecoveryPointArn=point, Metadata={})["RestoreJobId"])

    def put_object(self, job: str, name: str, content: Content) -> None:
        """By PutObject: at most one chunk, at index 0, and no blob."""
        more: dict[str, object] = {} if content.note is None else {"MetadataString": content.note}
        if content.chunks:
            [(_, piece)] = content.chunks
            more |= {"InlineChunk": piece.data(), "InlineChunkLength": piece.length}
        self.call("PutObject", BackupJobId=job, ObjectName=name, **more)

    def put_objects(self, job: str, contents: Mapping[str, Content]) -> None:
        """By PutObjects: at most one chunk each, at index 0."""
        records = [
            PutRecord(
                name,
                content.note,
                content.chunks[0][1].data() if content.chunks else None,
                content.chunks[0][1].digest() if content.chunks else None,
                None if content.blob is None else content.blob.data(),
            )
            for name, content in contents.items()
        ]
        self.call("PutObjects", BackupJobId=job, Objects=batch.encode(records))

    def upload(self, job: str, name: str, content: Content) -> None:
        """By StartObject, PutChunk and NotifyObjectComplete: any content."""
        upload = self.open_upload(job, name)
        for index, piece in content.chunks:
            self.put_chunk(job, upload, index, piece)
        self.complete(job, upload, content)

    def open_upload(self, job: str, name: str) -> str:
        """The UploadId of a new upload."""
        return str(self.call("StartObject", BackupJobId=job, ObjectName=name)["UploadId"])

    def put_chunk(self, job: str, upload: str, index: int, piece: Piece) -> None:
        """One chunk of an upload."""
        self.call(
            "PutChunk",
            BackupJobId=job,
            UploadId=upload,
            ChunkIndex=index,
            Length=piece.length,
            Checksum=checksum.encode(piece.digest()),
            ChecksumAlgorithm=checksum.SHA256,
            Data=piece.data(),
        )

    def complete(self, job: str, upload: str, content: Content) -> None:
        """The end of an upload whose chunks were sent."""
        more: dict[str, object] = {} if content.note is None else {"MetadataString": content.note}
        if content.blob is not None:
            more |= {
                "MetadataBlob": content.blob.data(),
                "MetadataBlobLength": content.blob.length,
                "MetadataBlobChecksum": checksum.encode(content.blob.digest()),
                "MetadataBlobChecksumAlgorithm": checksum.SHA256,
            }
        self.call(
            "NotifyObjectComplete",
            BackupJobId=job,
            UploadId=upload,
            ObjectChecksum=checksum.encode(content.summary()),
            ObjectChecksumAlgorithm=checksum.SUMMARY,
            **more,
        )

    def put(self, job: str, name: str, content: Content, way: int = 0) -> None:
        """By one of the three ways that can carry this content: `way` chooses."""
        plain = not content.chunks or (len(content.chunks) == 1 and content.chunks[0][0] == 0)
        ways = [lambda: self.upload(job, name, content)]
        if plain:
            ways.append(lambda: self.put_objects(job, {name: content}))
        if plain and content.blob is None:
            ways.append(lambda: self.put_object(job, name, content))
        ways[way % len(ways)]()

    def commit(self, job: str, *, drop_open: bool = False) -> str:
        """The ARN of the recovery point."""
        return str(self.call("CommitBackupJob", BackupJobId=job, DropOpenUploads=drop_open)["RecoveryPointArn"])

    def verify(self, **scope: object) -> Verified:
        """VerifyStore to its end, of everything or of what `scope` says."""
        verified = Verified()
        members = scope
        for _ in range(_CALLS_MAX):
            answer = self.call("VerifyStore", Seconds=1, **members)
            for one in answer["Damages"]:
                verified.damages.add((one["RecoveryPointArn"], one["ObjectName"], one["ChunkIndex"]))
            verified.records += [*answer["DamagedManifests"], *answer["DamagedRecords"]]
            verified.repaired += answer["RepairedChunks"]
            verified.resealed += answer["ResealedManifests"]
            verified.parity_added += answer["ParityAdded"]
            if answer["NextToken"] is None:
                return verified
            members = {"NextToken": answer["NextToken"]}
        raise AssertionError(f"verification is not done after {_CALLS_MAX} calls")

    def collect(self, threshold: int) -> None:
        """CollectGarbage until there is nothing left to do."""
        for _ in range(_CALLS_MAX):
            if self.call("CollectGarbage", Seconds=1, CompactThreshold=threshold)["Done"]:
                return
        raise AssertionError(f"collection is not done after {_CALLS_MAX} calls")

    def forget_reads(self) -> None:
        """What was read before is asked for again, as after a long time."""
        self.system.places.cached.close()  # type: ignore[attr-defined]  # both kinds can, and may be used again

    def vault_names(self) -> dict[str, str]:
        """The names of vaults by their uid in hex, as directories of packs are called."""
        with self.system.catalog.snapshot() as tx:
            return {vault.uid.hex(): vault.name for vault in vaults.page(tx, "", 1000)}

    def packs(self) -> list[str]:
        """The packs that the catalog knows and that are there, in the order in which they were begun."""
        with self.system.catalog.snapshot() as tx:
            rows = tx.all("SELECT v.uid, p.uid FROM packs p JOIN vaults v USING (vault_no) ORDER BY p.pack_no")
        there = set(self.ground.names("packs/"))
        return [name for vault, pack in rows if (name := pack_name(vault, pack)) in there]

    def points(self, vault: str = VAULT, page: int = 1000) -> dict[str, dict[str, Any]]:
        """The vault's recovery points as its list shows them, by ARN, newest first."""
        operation = "ListRecoveryPointsByBackupVault"
        listed = self.pages(operation, "RecoveryPoints", BackupVaultName=vault, MaxResults=page)
        return {str(point["RecoveryPointArn"]): dict(point) for point in listed}
