"""Replays manifests into a new catalog, in the order in which their recovery points were made.

Two passes. The first writes names and intervals exactly as the commits did, and points that are deleted take with them
what only they held. The second adds the chunks of the objects that are left: chunks that nobody needs are not asked
for, and whatever is missing then is missed by a kept recovery point. Memory is one part of a manifest.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from holdfast.blobs.port import BlobStore
from holdfast.catalog import backup_jobs, chunk_index, objects, rebuilding, recovery_points, sweep
from holdfast.catalog.chunk_index import NewChunk
from holdfast.catalog.findings import Findings, Place, Planned
from holdfast.catalog.objects import ObjectRow, View
from holdfast.catalog.recovery_points import NewRecoveryPoint
from holdfast.catalog.sweep import Batch
from holdfast.catalog.transaction import Tx
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model import checksum
from holdfast.packfile import manifest
from holdfast.packfile.layout import Kind
from holdfast.packfile.manifest import ManifestHead, ManifestObject, ManifestPart
from holdfast.records.object_checksum import open_object_checksum, seal_object_checksum
from holdfast.records.walk import read_place

R = TypeVar("R")

_SWEEP = Batch(objects=5_000, references=50_000)


class Writes(Protocol):
    """One step in one durable transaction of the new catalog."""

    def write(self, step: Callable[[Tx], R]) -> R: ...


@dataclass(frozen=True, slots=True)
class RestoredVault:
    """A vault of the new catalog, with keys to read its packs."""

    vault_no: int
    keys: VaultKeys


@dataclass(frozen=True, slots=True)
class Replay:
    """Into the catalog behind `writes`, whose vaults, packs and series are there."""

    blobs: BlobStore
    findings: Findings
    writes: Writes
    vaults: dict[bytes, RestoredVault]

    def points(self) -> Iterator[Planned]:
        """The first pass: recovery points and objects. Yields what it has done, for whoever counts."""
        for planned in self.findings.planned():
            self._replay(planned)
            yield planned
        while self.writes.write(lambda tx: sweep.sweep_deleted_point(tx, _SWEEP)) is not None:
            pass

    def parts(self, planned: Planned) -> Iterator[tuple[ManifestPart, Place, bytes]]:
        """The parts of a recovery point's manifest in order, each with its place and its SHA-256."""
        keys = self.vaults[planned.vault_uid].keys
        for place in self.findings.parts_of(planned):
            content = read_place(self.blobs, keys, place, Kind.MANIFEST)
            yield manifest.decode(content), place, checksum.digest(content)

    def _replay(self, planned: Planned) -> None:
        vault = self.vaults[planned.vault_uid]
        view: View | None = None
        chunks: list[NewChunk] = []
        head: ManifestHead | None = None
        for part, place, digest in self.parts(planned):
            head = part.head
            if view is None:
                view = self.writes.write(lambda tx, head=head: _begin(tx, vault.vault_no, head))  # type: ignore[misc]
            chunks.append(_sealed_chunk(vault.keys, place, digest))
            self.writes.write(lambda tx, part=part, view=view: _apply(tx, vault.keys, view, part))  # type: ignore[misc]
        assert view is not None
        assert head is not None
        self.writes.write(lambda tx: _finish(tx, vault.vault_no, view, head, chunks, planned))


def _begin(tx: Tx, vault_no: int, head: ManifestHead) -> View:
    series = rebuilding.series_no(tx, vault_no, head.resource_arn)
    base_seq, _, _ = rebuilding.newest_point(tx, series)
    job_no = rebuilding.insert_job(tx, series, head)
    view = View(series, base_seq, own=head.seq, job_no=job_no)
    if head.is_full:
        # It says what the view holds: what it does not name is not there.
        rebuilding.delete_all_names(tx, view)
    return view


def _apply(tx: Tx, keys: VaultKeys, view: View, part: ManifestPart) -> None:
    added: Sequence[ManifestObject] = part.added
    if part.head.is_full:
        added = _without_inherited(tx, keys, view, added)
    begun = [entry for entry in added if not entry.continued]
    numbers = objects.take_numbers(tx, len(begun))
    rows = [_row(keys, object_no, entry) for object_no, entry in zip(numbers, begun, strict=True)]
    objects.insert_whole(tx, view, rows)
    for entry in added:
        if entry.continued:
            rebuilding.extend_object(tx, view, entry.name, len(entry.chunks), _bytes(entry))
    tx.insert("deletions", ("job_no", "name"), [(view.job_no, name) for name in part.deleted])


def _without_inherited(tx: Tx, keys: VaultKeys, view: View, added: Sequence[ManifestObject]) -> list[ManifestObject]:
    """Those objects that the base of the view does not hold already, unchanged; all of them stay in the view."""
    known = rebuilding.inherited(tx, view, [entry.name for entry in added])
    changed = []
    for entry in added:
        rebuilding.keep_name(tx, view, entry.name)
        held = known.get(entry.name)
        blob_bytes = entry.metadata_blob.raw_bytes if entry.metadata_blob else None
        if held is None or (
            (held.completed_us, held.metadata_string, held.metadata_bytes)
            != (entry.completed_us, entry.metadata_string, blob_bytes)
            or open_object_checksum(keys, held.object_no, held.sealed_checksum) != entry.summary
        ):
            changed.append(entry)
    return changed


def _row(keys: VaultKeys, object_no: int, entry: ManifestObject) -> ObjectRow:
    return ObjectRow(
        object_no=object_no,
        name=entry.name,
        completed_us=entry.completed_us,
        chunk_count=len(entry.chunks),
        total_bytes=_bytes(entry),
        sealed_checksum=seal_object_checksum(keys, object_no, entry.summary),
        metadata_string=entry.metadata_string,
        metadata_chunk_no=None,
        metadata_bytes=entry.metadata_blob.raw_bytes if entry.metadata_blob else None,
    )


def _finish(tx: Tx, vault_no: int, view: View, head: ManifestHead, chunks: list[NewChunk], planned: Planned) -> None:
    _, object_count, total_bytes = rebuilding.newest_point(tx, view.series_no)
    change = objects.count_change(tx, view)
    objects.close(tx, view)
    backup_jobs.drop_deletions(tx, view.job_no)
    point = NewRecoveryPoint(
        uid=head.point_uid,
        series_no=view.series_no,
        seq=head.seq,
        job_no=view.job_no,
        object_count=object_count + change.objects,
        total_bytes=total_bytes + change.total_bytes,
        created_us=head.created_us,
        completed_us=head.completed_us,
    )
    recovery_points.insert(tx, point, chunk_index.record(tx, vault_no, chunks))
    if not planned.is_kept:
        rebuilding.mark_deleted(tx, head.point_uid)


def _sealed_chunk(keys: VaultKeys, place: Place, digest: bytes) -> NewChunk:
    return NewChunk(
        chunk_id=place.frame_id,
        sealed_digest=keys.seal_digest(place.frame_id, digest),
        raw_bytes=place.raw_bytes,
        pack=place.pack,
        frame_offset=place.offset,
        frame_bytes=place.frame_bytes,
    )


def _bytes(entry: ManifestObject) -> int:
    return sum(chunk.raw_bytes for chunk in entry.chunks)
