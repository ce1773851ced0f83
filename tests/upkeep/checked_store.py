"""A store of small packs, what verifies and scrubs it, and ways to damage it."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.catalog import frames, pack_checks
from holdfast.catalog.frames import StoredFrame
from holdfast.catalog.pack_checks import PackToCheck
from holdfast.chunks.packs import pack_name
from holdfast.chunks.parity import Parity
from holdfast.model.arn import recovery_point_arn
from holdfast.model.errors import Damaged
from holdfast.upkeep.adding_parity import AddingParity, ParityKeeper
from holdfast.upkeep.checking import Checker, Reseal
from holdfast.upkeep.scrub import Scrub
from holdfast.upkeep.survey import Survey
from holdfast.upkeep.verifying import Verifying
from holdfast.wire.batch import PutRecord, encode
from tests.backends import Place
from tests.dataplane.rig import CALLER, Rig

Finding = tuple[str, str, int]
"""Recovery point (UUID), object, chunk index."""


@dataclass
class Ticks:
    """A clock that only goes forward, and only when it is told to."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Found:
    """All slices of a verification added up."""

    damages: list[Finding] = field(default_factory=list)
    manifests: list[str] = field(default_factory=list)
    records: list[Mapping[str, object]] = field(default_factory=list)
    checked: int = 0
    damaged: int = 0
    repaired: int = 0
    resealed: int = 0
    parity_added: int = 0
    without_parity: int = 0
    slices: int = 0
    total_bytes: int = 0
    checked_bytes: int = 0
    reasons: set[str] = field(default_factory=set)


class CheckedStore(Rig):
    """The rig with the workers of verification; packs hold about 64 KiB."""

    def __init__(self, place: Place | Path, *, pack_bytes_max: int = 64 * 1024, reseal: Reseal | None = None) -> None:
        super().__init__(place, pack_bytes_max=pack_bytes_max)
        self.ticks = Ticks()
        self.parity = Parity(self.blobs)
        self.checker = Checker(self.catalog, self.commits, self.blobs, self.ring, self.parity, reseal)
        self.keeper = ParityKeeper(self.catalog, self.commits, self.parity)
        self.survey = Survey(self.catalog, self.commits, self.blobs, self.packs, self.writer)
        self.scrub = Scrub(self.checker, self.keeper, 30, self.ticks)
        self.adding = AddingParity(self.keeper, 10, self.ticks)
        self.verifying = Verifying(
            self.checker, self.keeper, self.blobs, self.store.tokens, self.clock, self.survey.step
        )
        self.dice = random.Random(7)

    def back_up(self, contents: Mapping[str, bytes | list[bytes]], source: str = "home") -> str:
        """A recovery point with these objects put, as many as can be in one pack; lists are chunks. Its UUID."""
        job = self.start(source)
        whole = [PutRecord(name, None, data, None) for name, data in contents.items() if isinstance(data, bytes)]
        self.call("PutObjects", BackupJobId=job, Objects=encode(whole))
        for name, data in contents.items():
            if not isinstance(data, bytes):
                upload = self.open_upload(job, name)
                for index, chunk in enumerate(data):
                    self.put_chunk(job, upload, index, chunk)
                self.complete(job, upload, *data)
        return self.commit(job)

    def noise(self, size: int) -> bytes:
        return self.dice.randbytes(size)

    def close_packs(self) -> None:
        """Closes the open pack of every vault, and measures all that are closed."""
        with self.catalog.snapshot() as tx:
            for pack in pack_checks.unmeasured(tx, 1000):
                if self.packs.is_open(pack.vault, pack.uid):
                    self.packs.turn_over(pack.vault)
        while self.survey.step(0):
            pass

    def all_packs(self) -> list[PackToCheck]:
        """Those that hold something; others may have been announced."""
        found: list[PackToCheck] = []
        with self.catalog.snapshot() as tx:
            while pack := pack_checks.following(tx, found[-1].pack_no + 1 if found else 0, 10**9):
                found.append(pack)
            filled = {row[0] for row in tx.all("SELECT DISTINCT pack_no FROM chunks")}
        return [pack for pack in found if pack.pack_no in filled]

    def dates(self) -> dict[int, int]:
        """When each pack was last read as a whole."""
        with self.catalog.snapshot() as tx:
            return dict(tx.all("SELECT pack_no, verified_us FROM packs"))

    def frames_of(self, pack: PackToCheck) -> list[StoredFrame]:
        with self.catalog.snapshot() as tx:
            return frames.of_pack(tx, pack.pack_no, (0, 0), 10**6)

    def manifest_frames(self) -> list[tuple[PackToCheck, StoredFrame]]:
        """The frames of all manifests, and where each stands."""
        with self.catalog.snapshot() as tx:
            numbers = {row[0] for row in tx.all("SELECT chunk_no FROM manifests")}
        return [(pack, one) for pack in self.all_packs() for one in self.frames_of(pack) if one.chunk_no in numbers]

    def bytes_of(self, pack: PackToCheck) -> bytes:
        return self.place.read_blob(pack_name(pack.vault, pack.uid))

    def change(self, pack: PackToCheck, data: bytes) -> None:
        """Other bytes in the place of the pack, or where it was."""
        self.place.overwrite(pack_name(pack.vault, pack.uid), data)

    def flip(self, pack: PackToCheck, offset: int, length: int = 1) -> None:
        """Inverts bytes of a pack."""
        self.change(pack, inverted(self.bytes_of(pack), offset, length))

    def lose(self, pack: PackToCheck) -> bytes:
        """The pack goes; what was in it."""
        data = self.bytes_of(pack)
        self.place.remove(pack_name(pack.vault, pack.uid))
        return data

    def verify(self, **params: object) -> Found:
        """VerifyStore until there is no more."""
        found = Found()
        token: dict[str, object] = {}
        while True:
            answer = self.verifying.handlers()["VerifyStore"](CALLER, {**params, "Seconds": 1, **token})
            _add(found, answer)
            if answer["NextToken"] is None:
                return found
            token = {"NextToken": answer["NextToken"]}

    def unreadable(self, points: Mapping[str, list[str]]) -> list[Finding]:
        """What cannot be read of these recovery points (with the names of their objects), found out by reading."""
        failed: list[Finding] = []
        for uid, names in points.items():
            job = self.restore(uid)
            for name in names:
                token = self.token_of(job, name)
                listed = self.call("ListChunks", StorageJobId=job, ObjectToken=token)["ChunkList"]
                for chunk in listed:  # type: ignore[attr-defined]
                    try:
                        self.call("GetChunk", StorageJobId=job, ChunkToken=chunk["ChunkToken"])
                    except Damaged:
                        failed.append((uid, name, chunk["Index"]))
        return sorted(failed)


def inverted(whole: bytes, offset: int, length: int = 1) -> bytes:
    """The same bytes, some of them inverted."""
    data = bytearray(whole)
    for place in range(offset, min(offset + length, len(data))):
        data[place] ^= 0xFF
    return bytes(data)


def _add(found: Found, answer: Mapping[str, object]) -> None:
    prefix = recovery_point_arn("")
    for one in answer["Damages"]:  # type: ignore[attr-defined]
        uid = one["RecoveryPointArn"].removeprefix(prefix)
        found.damages.append((uid, one["ObjectName"], one["ChunkIndex"]))
        found.reasons.add(one["Reason"])
    found.damages.sort()
    found.manifests += [one["RecoveryPointArn"].removeprefix(prefix) for one in answer["DamagedManifests"]]  # type: ignore[attr-defined]
    found.records += answer["DamagedRecords"]  # type: ignore[operator]
    found.checked += answer["CheckedChunks"]  # type: ignore[operator]
    found.checked_bytes += answer["CheckedBytes"]  # type: ignore[operator]
    found.damaged += answer["DamagedChunks"]  # type: ignore[operator]
    found.repaired += answer["RepairedChunks"]  # type: ignore[operator]
    found.resealed += answer["ResealedManifests"]  # type: ignore[operator]
    found.parity_added += answer["ParityAdded"]  # type: ignore[operator]
    found.without_parity += answer["PacksWithoutParity"]  # type: ignore[operator]
    found.total_bytes = answer["TotalBytes"]  # type: ignore[assignment]
    found.slices += 1
