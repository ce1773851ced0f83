"""The part of a filled vault that the service itself wrote: jobs, recovery points, manifests, and some real objects.

Its objects are given other numbers afterwards, so that they lie spread among the rows that are made up around them, as
they would if all had been written in their turn. A frame knows nothing of numbers; an object's sealed checksum does,
and is sealed anew.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bench.scaling.loader import Loader
from bench.scaling.plan import Plan
from holdfast.client.api import Api
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model.arn import source_arn
from holdfast.records.object_checksum import open_object_checksum, seal_object_checksum
from holdfast.wire.batch import PutRecord

VAULT = "default"
SOURCE = source_arn("scale")
ROLE = "arn:aws:iam::000000000000:role/bench"

_CHUNK_BYTES = 4096
_BATCH = 1000


def metadata_string(number: int) -> str:
    """What the agent notes of a file, in its form and length."""
    return f"hf1 f 100644 1000 1000 {_CHUNK_BYTES} 1763800000{number:09} 1763800001{number:09} {number + 1_000_000}"


def write(api: Api, plan: Plan) -> None:
    """Backs up the real names, job after job, as the plan says."""
    for seq in range(1, plan.points + 1):
        job = api.start_backup_job(VAULT, SOURCE, ROLE).backup_job_id
        numbers = [version.number for version in plan.versions_of(seq) if plan.is_real(version.number)]
        for start in range(0, len(numbers), _BATCH):
            api.put_objects(job, [record(plan.name(n), n) for n in numbers[start : start + _BATCH]])
        deleted = [plan.name(number) for number in plan.deleted_by(seq) if plan.is_real(number)]
        for start in range(0, len(deleted), _BATCH):
            api.delete_objects(job, deleted[start : start + _BATCH])
        api.commit_backup_job(job)


def record(name: str, number: int) -> PutRecord:
    """An object of one chunk that nobody has yet."""
    return PutRecord(name, metadata_string(number), os.urandom(_CHUNK_BYTES), None)


@dataclass(frozen=True, slots=True)
class RealObject:
    """Rows of an object and its one chunk: `rest` is completed_us, bytes, metadata_string; `chunk` chunk_id to bad."""

    object_no: int
    rest: tuple[object, ...]
    sealed_checksum: bytes
    chunk_no: int
    chunk: tuple[object, ...]

    def numbered(self, keys: VaultKeys, object_no: int, chunk_no: int) -> "RealObject":
        """The same object under other numbers."""
        summary = open_object_checksum(keys, self.object_no, self.sealed_checksum)
        sealed = seal_object_checksum(keys, object_no, summary)
        return replace(self, object_no=object_no, sealed_checksum=sealed, chunk_no=chunk_no)


@dataclass(frozen=True, slots=True)
class RealPart:
    """What stands in the catalog after `write`; `jobs` has the job numbers by seq."""

    vault_no: int
    series_no: int
    jobs: dict[int, int]
    completed_us: dict[int, int]
    objects: dict[tuple[str, int], RealObject]
    """By name and from_seq."""
    last_object_no: int
    last_chunk_no: int


def read(loader: Loader, plan: Plan) -> RealPart:
    """Reads it back, and checks that the service wrote the intervals that the plan foresaw."""
    [(vault_no, series_no)] = loader.rows("SELECT vault_no, series_no FROM series")
    points = loader.rows("SELECT seq, job_no, completed_us FROM recovery_points ORDER BY seq")
    found = loader.rows(
        "SELECT o.name, o.from_seq, o.to_seq, o.object_no, o.completed_us, o.bytes, o.metadata_string,"
        " o.sealed_checksum, c.chunk_no, c.chunk_id, c.sealed_digest, c.raw_bytes, c.pack_no, c.frame_offset,"
        " c.frame_bytes, c.bad"
        " FROM objects o JOIN object_chunks r ON r.object_no = o.object_no JOIN chunks c ON c.chunk_no = r.chunk_no"
    )
    objects = {(row[0], row[1]): RealObject(row[3], row[4:7], row[7], row[8], row[9:]) for row in found}
    expected = _intervals(plan)
    if {(row[0], row[1]): row[2] for row in found} != expected:
        raise SystemExit("bench: the service wrote other versions than the plan foresaw")
    return RealPart(
        vault_no,
        series_no,
        {seq: job_no for seq, job_no, _ in points},
        {seq: completed_us for seq, _, completed_us in points},
        objects,
        _greatest(loader.rows, "objects", "object_no"),
        _greatest(loader.rows, "chunks", "chunk_no"),
    )


def require_settled(loader: Loader) -> None:
    """Ends the program unless all that was deleted was swept and collected, as `gc` said."""
    left = {
        "deleted recovery points": "SELECT count(*) FROM recovery_points WHERE state = 'DELETED'",
        "dead seqs": "SELECT count(*) FROM dead_seqs",
        "condemned chunks": "SELECT count(*) FROM condemned",
        "damaged chunks": "SELECT count(*) FROM chunks WHERE bad = 1",
    }
    for what, statement in left.items():
        [(count,)] = loader.rows(statement)
        if count:
            raise SystemExit(f"bench: {count} {what} are left after the last collection")


def _intervals(plan: Plan) -> dict[tuple[str, int], int]:
    return {
        (plan.name(version.number), version.from_seq): version.to_seq
        for seq in range(1, plan.points + 1)
        for version in plan.versions_of(seq)
        if plan.is_real(version.number)
    }


def _greatest(rows: Callable[[str], Sequence[tuple[int, ...]]], table: str, column: str) -> int:
    [(number,)] = rows(f"SELECT coalesce(max({column}), 0) FROM {table}")  # noqa: S608 - our own words
    return number
