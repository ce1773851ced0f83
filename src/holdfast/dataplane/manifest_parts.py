"""Cuts what a job changed into manifest parts, reading the catalog page by page: memory does not grow with the job."""

from collections.abc import Iterator
from dataclasses import dataclass

from holdfast.catalog import chunk_index, objects
from holdfast.catalog.backup_jobs import BackupJobRow
from holdfast.catalog.chunk_index import AddedChunk, ChunkRow
from holdfast.catalog.objects import ObjectRow
from holdfast.dataplane import digests
from holdfast.dataplane.job_refs import own_view
from holdfast.dataplane.store import Snapshots
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model.errors import Damaged
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
_OBJECTS_A_READ = 1_000
_FEW_CHUNKS = 64


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


def manifest_parts(catalog: Snapshots, keys: VaultKeys, job: BackupJobRow, completed_us: int) -> Iterator[ManifestPart]:
    """The parts of the manifest of a job that nobody writes to any more; at least one."""
    for number, (filled, is_last) in enumerate(_marked_last(_fillings(catalog, keys, job))):
        yield ManifestPart(_head(job, completed_us, number, is_last), filled.added, filled.deleted)


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
    view = own_view(job)
    while True:
        with catalog.snapshot() as tx:
            rows = objects.added_page(tx, view, after, _OBJECTS_A_READ)
            if not rows:
                return
            chunks: dict[int, list[ManifestChunk]] = {}
            for chunk in chunk_index.of_added(tx, view, after, rows[-1].object_no, _FEW_CHUNKS):
                chunks.setdefault(chunk.object_no, []).append(_chunk(keys, chunk))
        for row in rows:
            if row.chunk_count > _FEW_CHUNKS:
                yield from _pieces(catalog, keys, job.vault_no, row)
            else:
                yield _entry(catalog, keys, job.vault_no, row, chunks.get(row.object_no, []))
        after = rows[-1].object_no


def _pieces(catalog: Snapshots, keys: VaultKeys, vault_no: int, row: ObjectRow) -> Iterator[ManifestObject]:
    after, continued = -1, False
    while True:
        with catalog.snapshot() as tx:
            page = chunk_index.page(tx, row.object_no, after, _CHUNKS_A_PART)
        if continued and not page:
            return
        yield _entry(catalog, keys, vault_no, row, [_chunk(keys, chunk) for chunk in page], continued=continued)
        if len(page) < _CHUNKS_A_PART:
            return
        after, continued = page[-1].index, True


def _entry(
    catalog: Snapshots,
    keys: VaultKeys,
    vault_no: int,
    row: ObjectRow,
    chunks: list[ManifestChunk],
    *,
    continued: bool = False,
) -> ManifestObject:
    summary = digests.open_object_checksum(keys, row.object_no, row.sealed_checksum)
    blob = None
    if row.metadata_chunk_no is not None:
        with catalog.snapshot() as tx:
            found = chunk_index.find_by_number(tx, vault_no, row.metadata_chunk_no)
        if found is None:
            raise Damaged(f"the catalog lost the metadata blob of {row.name!r}")
        blob = _chunk(keys, found)
    return ManifestObject(row.name, row.completed_us, summary, row.metadata_string, blob, chunks, continued)


def _chunk(keys: VaultKeys, chunk: ChunkRow | AddedChunk) -> ManifestChunk:
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
