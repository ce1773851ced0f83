"""Cuts what a job changed into manifest parts, reading the catalog page by page: memory does not grow with the job."""

from collections.abc import Iterator
from dataclasses import dataclass

from holdfast.catalog import chunk_index, objects
from holdfast.catalog.backup_jobs import BackupJobRow
from holdfast.catalog.chunk_index import ChunkRow
from holdfast.catalog.objects import ObjectRow
from holdfast.catalog.transaction import Tx
from holdfast.dataplane import digests
from holdfast.dataplane.job_refs import own_view
from holdfast.dataplane.store import Snapshots
from holdfast.keys.vault_keys import VaultKeys
from holdfast.packfile.manifest import (
    FORMAT_VERSION,
    ManifestChunk,
    ManifestHead,
    ManifestObject,
    ManifestPart,
)

_OBJECTS_A_PART = 5_000
_CHUNKS_A_PART = 20_000
_NAMES_A_PART = 10_000


@dataclass(slots=True)
class _Filling:
    added: list[ManifestObject]
    deleted: list[str]
    chunks: int = 0

    def is_full(self) -> bool:
        return (
            len(self.added) >= _OBJECTS_A_PART
            or self.chunks >= _CHUNKS_A_PART
            or len(self.deleted) >= _NAMES_A_PART
        )  # fmt: skip


def manifest_parts(
    catalog: Snapshots, keys: VaultKeys, job: BackupJobRow, completed_us: int
) -> Iterator[ManifestPart]:
    """The parts of the manifest of a job that nobody writes to any more; at least one."""
    number = 0
    for filled, is_last in _marked_last(_fillings(catalog, keys, job)):
        yield ManifestPart(_head(job, completed_us, number, is_last), filled.added, filled.deleted)
        number += 1


def _marked_last(fillings: Iterator[_Filling]) -> Iterator[tuple[_Filling, bool]]:
    held = next(fillings)
    for following in fillings:
        yield held, False
        held = following
    yield held, True


def _fillings(catalog: Snapshots, keys: VaultKeys, job: BackupJobRow) -> Iterator[_Filling]:
    filling = _Filling([], [])
    for entry in _added(catalog, keys, job):
        filling.added.append(entry)
        filling.chunks += len(entry.chunks)
        if filling.is_full():
            yield filling
            filling = _Filling([], [])
    for name in _deleted(catalog, job):
        filling.deleted.append(name)
        if filling.is_full():
            yield filling
            filling = _Filling([], [])
    yield filling


def _added(catalog: Snapshots, keys: VaultKeys, job: BackupJobRow) -> Iterator[ManifestObject]:
    after = 0
    while True:
        with catalog.snapshot() as tx:
            rows = objects.added_page(tx, own_view(job), after, 500)
            entries = [entry for row in rows for entry in _entries(tx, keys, job.vault_no, row)]
        yield from entries
        if not rows:
            return
        after = rows[-1].object_no


def _entries(tx: Tx, keys: VaultKeys, vault_no: int, row: ObjectRow) -> Iterator[ManifestObject]:
    summary = digests.open_object_checksum(keys, row.object_no, row.sealed_checksum)
    blob = None
    if row.metadata_chunk_no is not None:
        found = chunk_index.find_by_number(tx, vault_no, row.metadata_chunk_no)
        blob = _chunk(keys, found) if found else None
    after, continued = -1, False
    while True:
        page = chunk_index.page(tx, row.object_no, after, _CHUNKS_A_PART) if row.chunk_count else []
        if continued and not page:
            return
        chunks = [_chunk(keys, chunk) for chunk in page]
        yield ManifestObject(row.name, row.completed_us, summary, row.metadata_string, blob, chunks, continued)
        if len(page) < _CHUNKS_A_PART:
            return
        after, continued = page[-1].index, True


def _chunk(keys: VaultKeys, chunk: ChunkRow) -> ManifestChunk:
    return ManifestChunk(chunk.index, chunk.raw_bytes, keys.open_digest(chunk.chunk_id, chunk.sealed_digest))


def _deleted(catalog: Snapshots, job: BackupJobRow) -> Iterator[str]:
    after = ""
    while True:
        with catalog.snapshot() as tx:
            names = objects.deletions_page(tx, job.job_no, after, _NAMES_A_PART)
        yield from names
        if not names:
            return
        after = names[-1]


def _head(job: BackupJobRow, completed_us: int, number: int, is_last: bool) -> ManifestHead:
    return ManifestHead(
        version=FORMAT_VERSION,
        vault_uid=job.vault_uid,
        vault_name=job.vault_name,
        resource_arn=job.resource_arn,
        point_uid=job.point_uid,
        seq=job.seq,
        base_seq=job.base_seq,
        job_uid=job.uid,
        role_arn=job.role_arn,
        options=job.options,
        created_us=job.created_us,
        completed_us=completed_us,
        part=number,
        is_last=is_last,
    )
