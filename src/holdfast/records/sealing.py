"""Manifest parts and records on their way into the packs: sealed under names that no chunk of a client can have."""

from dataclasses import dataclass

from holdfast.catalog import chunk_index
from holdfast.catalog.chunk_index import NewChunk
from holdfast.catalog.transaction import Tx
from holdfast.chunks.port import Location, SealedFrame
from holdfast.chunks.store import ChunkStore
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model import checksum
from holdfast.packfile.layout import Kind


@dataclass(frozen=True, slots=True)
class SealedContent:
    """A frame that is not written yet, and what the catalog will have to know of it."""

    frame: SealedFrame
    digest: bytes


def seal_content(chunks: ChunkStore, keys: VaultKeys, content: bytes, kind: Kind) -> SealedContent:
    """The frame of a manifest part or a record."""
    digest = checksum.digest(content)
    return SealedContent(chunks.seal(keys, content, digest, kind=kind), digest)


def record_content(tx: Tx, vault_no: int, keys: VaultKeys, content: SealedContent, place: Location) -> int:
    """The chunk number of a frame that is durable at `place`; the caller refers to it in this transaction."""
    frame = content.frame
    new = NewChunk(
        chunk_id=frame.chunk_id,
        sealed_digest=keys.seal_digest(frame.chunk_id, content.digest),
        raw_bytes=frame.raw_bytes,
        pack=place.pack,
        frame_offset=place.offset,
        frame_bytes=place.frame_bytes,
    )
    return chunk_index.record(tx, vault_no, [new])[0]
