"""Gives the objects of a new catalog their chunks: the second pass over the manifests.

Only objects that a kept recovery point sees are rows by now. What no pack holds any more gets a row in a pack that
never was, marked bad: the recovery points stay readable but for it, and the next upload of the chunk heals them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from holdfast.catalog import chunk_index, rebuilding
from holdfast.catalog.chunk_index import NewChunk
from holdfast.catalog.findings import Findings, Place, Planned
from holdfast.catalog.transaction import Tx
from holdfast.packfile.manifest import ManifestChunk, ManifestPart
from holdfast.records.replay import Replay, RestoredVault

METADATA_BLOB = -1
"""The index of an object's metadata blob among its chunks."""


@dataclass(frozen=True, slots=True)
class MissingChunk:
    """A chunk that a recovery point needs and that no pack holds."""

    resource_arn: str
    point_uid: str
    """The recovery point that first held the object."""
    object_name: str
    index: int
    """Of the chunk in the object; METADATA_BLOB for the blob."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    object_name: str
    object_no: int
    chunk: ManifestChunk
    is_blob: bool


def add_references(replay: Replay) -> Iterator[list[MissingChunk]]:
    """Adds them, part of a manifest by part; yields for each part what is missing."""
    for planned in replay.findings.planned():
        vault = replay.vaults[planned.vault_uid]
        for part, _, _ in replay.parts(planned):
            yield replay.writes.write(
                lambda tx, vault=vault, part=part, planned=planned: _refer(tx, replay.findings, vault, planned, part)  # type: ignore[misc]
            )


def _refer(
    tx: Tx, findings: Findings, vault: RestoredVault, planned: Planned, part: ManifestPart
) -> list[MissingChunk]:
    series_no = rebuilding.series_no(tx, vault.vault_no, part.head.resource_arn)
    wanted = list(_wanted(tx, series_no, part))
    numbers, missing = _recorded(tx, findings, vault, wanted)
    chunk_index.refer(
        tx,
        series_no,
        [(one.object_no, one.chunk.index, numbers[one.chunk.digest]) for one in wanted if not one.is_blob],
    )
    for one in wanted:
        if one.is_blob:
            rebuilding.set_metadata_chunk(tx, one.object_no, numbers[one.chunk.digest])
    return [
        MissingChunk(
            planned.resource_arn,
            planned.point_uid,
            one.object_name,
            METADATA_BLOB if one.is_blob else one.chunk.index,
        )
        for one in wanted
        if one.chunk.digest in missing
    ]


def _wanted(tx: Tx, series_no: int, part: ManifestPart) -> Iterator[_Wanted]:
    numbers = rebuilding.written(tx, series_no, part.head.seq, list({entry.name for entry in part.added}))
    for entry in part.added:
        object_no = numbers.get(entry.name)
        if object_no is None:
            # Nobody sees it any more, or it is an older one that a manifest written anew names again.
            continue
        for chunk in entry.chunks:
            yield _Wanted(entry.name, object_no, chunk, is_blob=False)
        if entry.metadata_blob is not None and not entry.continued:
            yield _Wanted(entry.name, object_no, entry.metadata_blob, is_blob=True)


def _recorded(
    tx: Tx, findings: Findings, vault: RestoredVault, wanted: list[_Wanted]
) -> tuple[dict[bytes, int], set[bytes]]:
    """The chunk numbers by digest, and the digests of those that are missing."""
    raw_bytes = {one.chunk.digest: one.chunk.raw_bytes for one in wanted}
    ids = {digest: vault.keys.chunk_id(digest) for digest in raw_bytes}
    known = chunk_index.find(tx, vault.vault_no, list(ids.values()))
    found = findings.find_frames(vault.keys.vault_uid, [one for one in ids.values() if one not in known])
    stand_in = vault.keys.vault_uid
    fresh: dict[bytes, NewChunk] = {}
    missing: set[bytes] = set()
    for digest, chunk_id in ids.items():
        held = known.get(chunk_id)
        if held is not None:
            if held.bad:
                missing.add(digest)
            continue
        place = found.get(chunk_id)
        if place is None:
            missing.add(digest)
            place = Place(chunk_id, raw_bytes[digest], stand_in, 0, 0)
        fresh[digest] = NewChunk(
            chunk_id=chunk_id,
            sealed_digest=vault.keys.seal_digest(chunk_id, digest),
            # The manifest is authenticated; of the frame only a header was looked at.
            raw_bytes=raw_bytes[digest],
            pack=place.pack,
            frame_offset=place.offset,
            frame_bytes=place.frame_bytes,
        )
    if missing:
        rebuilding.insert_stand_in(tx, vault.vault_no, stand_in)
    numbers = dict(zip(fresh, chunk_index.record(tx, vault.vault_no, list(fresh.values())), strict=True))
    rebuilding.mark_bad(tx, [numbers[digest] for digest in missing if digest in numbers])
    numbers.update((digest, known[chunk_id].chunk_no) for digest, chunk_id in ids.items() if chunk_id in known)
    return numbers, missing
