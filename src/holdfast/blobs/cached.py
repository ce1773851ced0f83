"""A bounded read cache before a bucket.

Reads of packs are small and many, and each request to a bucket costs milliseconds and money. So reads are widened to
aligned blocks, and further while a blob is read from front to back; threads that want the same block share one request.
Large reads go by: they are read once.

What is deleted or written through this cache is forgotten by it. What another process deletes may be read here for a
while longer, so it is for names that are never used twice; all others are read as they are.
"""

from collections.abc import Iterator

from holdfast.blobs.block_reads import BLOCK_BYTES, BlockReads
from holdfast.blobs.disk import Buffer
from holdfast.blobs.port import BlobStore


class CachedReads:
    """A BlobStore that answers `read` of names beginning with `prefix` from memory where it can. Safe for threads."""

    def __init__(self, blobs: BlobStore, bytes_max: int, *, prefix: str = "packs/") -> None:
        self._blobs = blobs
        self._prefix = prefix
        self._reads = BlockReads(blobs.read, bytes_max)

    @property
    def hits(self) -> int:
        """Reads that asked the store for nothing."""
        return self._reads.hits

    @property
    def misses(self) -> int:
        """Reads that asked the store for blocks."""
        return self._reads.misses

    @property
    def passed(self) -> int:
        """Reads too large to be held, or for which there was no room."""
        return self._reads.passed

    @property
    def bytes_fetched(self) -> int:
        """What the store gave in blocks."""
        return self._reads.bytes_fetched

    @property
    def bytes_held(self) -> int:
        """Memory for blocks, those under way included; never more than `bytes_max`."""
        return self._reads.bytes_held

    def read(self, name: str, offset: int, length: int) -> bytes:
        if length <= 0 or offset < 0 or not name.startswith(self._prefix):
            return self._blobs.read(name, offset, length)
        return self._reads.read(name, offset, length)

    def fresh(self, name: str, offset: int, length: int) -> bytes:
        """As `read`, from the store itself; what is held of that range is forgotten, for it failed a check."""
        if length > 0:
            self._reads.forget(name, range(offset // BLOCK_BYTES, (offset + length - 1) // BLOCK_BYTES + 1))
        return self._blobs.read(name, offset, length)

    def put(self, name: str, data: Buffer) -> None:
        self._blobs.put(name, data)
        self._reads.forget(name)

    def get(self, name: str) -> bytes:
        return self._blobs.get(name)

    def size(self, name: str) -> int:
        return self._blobs.size(name)

    def delete(self, name: str) -> None:
        try:
            self._blobs.delete(name)
        finally:
            self._reads.forget(name)

    def list(self, prefix: str) -> Iterator[str]:
        return self._blobs.list(prefix)

    def close(self) -> None:
        """Give back the memory. The cache may be used again."""
        self._reads.clear()
