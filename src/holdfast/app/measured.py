"""The chunk store with its counters: what goes in, as clients count it and as the disk does."""

from holdfast.blobs.port import BlobStore
from holdfast.chunks.port import SealedFrame
from holdfast.chunks.store import ChunkStore
from holdfast.keys.vault_keys import VaultKeys
from holdfast.observe.metrics import Metrics
from holdfast.packfile.layout import Kind
from holdfast.wire.message import Buffer


class MeasuredChunks(ChunkStore):
    """A `ChunkStore` that tells `metrics` of every chunk it seals."""

    def __init__(self, blobs: BlobStore, metrics: Metrics, *, fresh: BlobStore | None = None) -> None:
        super().__init__(blobs, fresh=fresh)
        self._metrics = metrics

    def seal(self, keys: VaultKeys, data: Buffer, digest: bytes, *, kind: Kind = Kind.CHUNK) -> SealedFrame:
        frame = super().seal(keys, data, digest, kind=kind)
        self._metrics.chunk_stored(len(data), frame.frame_bytes)
        return frame
