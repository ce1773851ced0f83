"""Cuts a manifest into parts, reading the catalog page by page: memory does not grow with the job or the view.

A commit's manifest says what its job changed, in order of the numbers of the objects (`changed`). One that is written
anew says the whole view, in order of names (`whole`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from holdfast.catalog import chunk_index, objects
from holdfast.catalog.chunk_index import AddedChunk, ChunkRow
from holdfast.catalog.objects import ObjectRow, PageFilter, View
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model.errors import Damaged
from holdfast.model.limits import MIB
from holdfast.packfile.manifest import ManifestChunk, ManifestHead, ManifestObject, ManifestPart
from holdfast.records.engines import Snapshots
from holdfast.records.object_checksum import open_object_checksum

_OBJECTS_A_PART = 5_000
_CHUNKS_A_PART = 20_000
_NAMES_A_PART = 10_000
_NAME_CHARACTERS_A_PART = 4 * MIB
_OBJECTS_A_READ = 1_000
_FEW_CHUNKS = 64

Chunks = dict[int, list[ManifestChunk]]


@dataclass(slots=True)
class _Filling:
    added: list[ManifestObject] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    chunks: int = 0
    name_characters: int = 0

    def add(self, entry: ManifestObject) -> None:
        self.added.append(entry)
        self.chunks += len(entry.chunks)
        self.name_characters += len(entry.name)

    def delete(self, name: str) -> None:
        self.deleted.append(name)
        self.name_characters += len(name)

    def is_full(self) -> bool:
        return (
            len(self.added) >= _OBJECTS_A_PART
            or self.chunks >= _CHUNKS_A_PART
            or len(self.deleted) >= _NAMES_A_PART
            or self.name_characters >= _NAME_CHARACTERS_A_PART
        )


def changed(
    catalog: Snapshots, keys: VaultKeys, vault_no: int, view: View, head: ManifestHead
) -> Iterator[ManifestPart]:
    """The parts of the manifest of a job that nobody writes to any more; at least one. `view` is the job's own."""
    source = _Source(catalog, keys, vault_no)
    return _parts(head, source.added(view), _deleted(catalog, view.job_no))


def whole(catalog: Snapshots, keys: VaultKeys, vault_no: int, view: View, head: ManifestHead) -> Iterator[ManifestPart]:
    """The parts of a manifest that says everything that `view`, of a recovery point, holds; at least one."""
    source = _Source(catalog, keys, vault_no)
    return _parts(replace(head, is_full=True), source.viewed(view), iter(()))


def _parts(head: ManifestHead, added: Iterator[ManifestObject], deleted: Iterator[str]) -> Iterator[ManifestPart]:
    held: _Filling | None = None
    number = 0
    for filling in _fillings(added, deleted):
        if held is not None:
            yield ManifestPart(replace(head, part=number, is_last=False), held.added, held.deleted)
            number += 1
        held = filling
    assert held is not None
    yield ManifestPart(replace(head, part=number, is_last=True), held.added, held.deleted)


def _fillings(added: Iterator[ManifestObject], deleted: Iterator[str]) -> Iterator[_Filling]:
    filling = _Filling()
    for entry in added:
        filling.add(entry)
        if filling.is_full():
            yield filling
            filling = _Filling()
    for name in deleted:
        filling.delete(name)
        if filling.is_full():
            yield filling
            filling = _Filling()
    yield filling


@dataclass(frozen=True, slots=True)
class _Source:
    """Reads objects with their chunks."""

    catalog: Snapshots
    keys: VaultKeys
    vault_no: int

    def added(self, view: View) -> Iterator[ManifestObject]:
        """What the job added."""
        after = 0
        while True:
            with self.catalog.snapshot() as tx:
                rows = objects.added_page(tx, view, after, _OBJECTS_A_READ)
                if not rows:
                    return
                found = chunk_index.of_added(tx, view, after, rows[-1].object_no, _FEW_CHUNKS)
            chunks: Chunks = {}
            for chunk in found:
                chunks.setdefault(chunk.object_no, []).append(self._chunk(chunk))
            yield from self._entries(rows, chunks)
            after = rows[-1].object_no

    def viewed(self, view: View) -> Iterator[ManifestObject]:
        """What the view holds."""
        after = ""
        while True:
            with self.catalog.snapshot() as tx:
                rows = objects.page(tx, view, PageFilter(after=after), _OBJECTS_A_READ)
                small = [row.object_no for row in rows if row.chunk_count <= _FEW_CHUNKS]
                found = chunk_index.of_objects(tx, small)
            if not rows:
                return
            yield from self._entries(
                rows, {object_no: [self._chunk(chunk) for chunk in chunks] for object_no, chunks in found.items()}
            )
            after = rows[-1].name

    def _entries(self, rows: Sequence[ObjectRow], chunks: Chunks) -> Iterator[ManifestObject]:
        for row in rows:
            if row.chunk_count > _FEW_CHUNKS:
                yield from self._pieces(row)
            else:
                yield self._entry(row, chunks.get(row.object_no, []))

    def _pieces(self, row: ObjectRow) -> Iterator[ManifestObject]:
        after, continued = -1, False
        while True:
            with self.catalog.snapshot() as tx:
                page = chunk_index.page(tx, row.object_no, after, _CHUNKS_A_PART)
            if continued and not page:
                return
            yield self._entry(row, [self._chunk(chunk) for chunk in page], continued=continued)
            if len(page) < _CHUNKS_A_PART:
                return
            after, continued = page[-1].index, True

    def _entry(self, row: ObjectRow, chunks: list[ManifestChunk], *, continued: bool = False) -> ManifestObject:
        summary = open_object_checksum(self.keys, row.object_no, row.sealed_checksum)
        blob = None
        if row.metadata_chunk_no is not None:
            with self.catalog.snapshot() as tx:
                found = chunk_index.find_by_number(tx, self.vault_no, row.metadata_chunk_no)
            if found is None:
                raise Damaged(f"the catalog lost the metadata blob of {row.name!r}")
            blob = self._chunk(found)
        return ManifestObject(row.name, row.completed_us, summary, row.metadata_string, blob, chunks, continued)

    def _chunk(self, chunk: ChunkRow | AddedChunk) -> ManifestChunk:
        digest = self.keys.open_digest(chunk.chunk_id, chunk.sealed_digest)
        return ManifestChunk(chunk.index, chunk.raw_bytes, digest)


def _deleted(catalog: Snapshots, job_no: int) -> Iterator[str]:
    after = ""
    while True:
        with catalog.snapshot() as tx:
            names = objects.deletions_page(tx, job_no, after, _NAMES_A_PART)
        yield from names
        if not names:
            return
        after = names[-1]
