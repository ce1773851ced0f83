"""A whole store with the stages of collecting garbage over it, each to be stepped by hand."""

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from holdfast.app.collecting import Parts, collection
from holdfast.blobs.disk import RoomyDisk
from holdfast.catalog.transaction import Tx
from holdfast.chunks.packs import PACK_BYTES_MAX_DEFAULT
from holdfast.chunks.port import Location, SealedFrame
from holdfast.model.purpose import Purpose
from holdfast.observe.logs import open_log
from holdfast.upkeep.fenced import COLLECTOR, FencedWrites
from holdfast.upkeep.gain import Gain
from holdfast.wire.batch import PutRecord, encode
from tests.backends import Place
from tests.dataplane.rig import Rig

R = TypeVar("R")


class NoRecords:
    """A worker without work, in place of the one that looks after the records of deleted vaults."""

    def step(self, now_us: int) -> bool:
        return False


class Yard(Rig):
    """Opened again over the same folder, it is a new process: packs of the one before are closed."""

    def __init__(
        self, place: Place | Path, *, disk: RoomyDisk | None = None, pack_bytes_max: int = PACK_BYTES_MAX_DEFAULT
    ) -> None:
        super().__init__(place, disk=disk, pack_bytes_max=pack_bytes_max)
        parts = Parts(self.catalog, self, self.blobs, self.store.chunks, self.ring, self.packs, self.writer, self.clock)
        writes = FencedWrites(self, self.clock, COLLECTOR, self.writer)
        self.collection = collection(parts, writes, NoRecords(), open_log("error", "json", io.StringIO()))
        self.before_submit: Callable[[], None] = lambda: None

    def close(self) -> None:
        if self.catalog.parallel:
            # Nobody watches for its silence here.
            self.writer.leave()
        super().close()

    def submit(
        self,
        frames: Sequence[SealedFrame],
        apply: Callable[[Tx, Sequence[Location]], R],
        purpose: Purpose = Purpose.CHANGE,
    ) -> R:
        """What the stages write goes through here."""
        self.before_submit()
        return self.commits.submit(frames, apply, purpose)

    def reopened(self, *, disk: RoomyDisk | None = None) -> "Yard":
        self.close()
        return Yard(self.place, disk=disk)

    def collect_all(self, threshold: int = 20) -> Gain:
        """Everything that there is to do, and what it came to."""
        total = Gain()
        for _ in range(10_000):
            gain = self.collection.advance(self.clock.now_us(), threshold)
            if gain is None:
                return total
            total += gain
        raise AssertionError("collecting never ends")

    def backup(self, source: str, objects: dict[str, bytes], *, deleted: Sequence[str] = ()) -> str:
        """A job with these objects and deletions, committed; the UUID of the recovery point."""
        job = self.start(source)
        for name, data in objects.items():
            self.put(job, name, data)
        for name in deleted:
            self.call("DeleteObject", BackupJobId=job, ObjectName=name)
        return self.commit(job)

    def put_together(self, job_id: str, objects: Mapping[str, bytes]) -> None:
        """All of them in one request, and so in one pack."""
        records = [PutRecord(name, None, data, None) for name, data in objects.items()]
        self.call("PutObjects", BackupJobId=job_id, Objects=encode(records))

    def delete_point(self, uid: str) -> None:
        from holdfast.catalog import recovery_points

        def step(tx: Tx, _: object) -> None:
            point = recovery_points.find(tx, uid)
            assert point is not None
            recovery_points.delete(tx, point)

        self.commits.submit((), step)

    def read(self, uid: str) -> dict[str, bytes]:
        return self.contents(self.restore(uid))

    def fetch(self, statement: str) -> list[tuple[object, ...]]:
        with self.catalog.snapshot() as tx:
            return tx.all(statement, {})

    def number(self, statement: str) -> int:
        [(number,)] = self.fetch(statement)
        assert isinstance(number, int)
        return number

    def pack_files(self) -> dict[str, int]:
        """Name and length of every pack on disk."""
        return {name: self.blobs.size(name) for name in self.blobs.list("packs/")}

    def check_accounts(self) -> None:
        """What must be true of every store at every moment."""
        unmeasured_or_true = """
            SELECT p.pack_no, p.bytes, p.dead_bytes, CAST(coalesce(sum(c.frame_bytes), 0) AS BIGINT) FROM packs p
            LEFT JOIN chunks c ON c.pack_no = p.pack_no WHERE p.bytes IS NOT NULL AND p.bytes > 48 GROUP BY p.pack_no
        """
        for pack_no, total, dead, live in self.fetch(unmeasured_or_true):
            assert total == 48 + dead + live, pack_no  # type: ignore[operator]
        for reference in REFERENCES:
            assert self.fetch(f"SELECT 1 FROM {reference} NOT IN (SELECT chunk_no FROM chunks)") == [], reference
        named = {f"packs/{v.hex()}/{p.hex()}" for v, p in self.fetch(NAMED)}  # type: ignore[attr-defined]
        assert set(self.pack_files()) <= named


NAMED = """
    SELECT v.uid, p.uid FROM packs p JOIN vaults v USING (vault_no) UNION ALL SELECT vault_uid, uid FROM doomed_packs
"""
REFERENCES = (
    "object_chunks WHERE chunk_no",
    "objects WHERE metadata_chunk_no IS NOT NULL AND metadata_chunk_no",
    "manifests WHERE chunk_no",
    "manifest_drafts WHERE chunk_no",
    "records WHERE chunk_no",
)


def noise(seed: int, length: int) -> bytes:
    """Bytes that neither repeat nor compress; the same for the same seed."""
    import random

    return random.Random(seed).randbytes(length)
