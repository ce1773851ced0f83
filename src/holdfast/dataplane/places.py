"""Where the catalog says that a chunk stands, as the chunk store is told."""

from holdfast.catalog.chunk_index import ChunkRow
from holdfast.chunks.port import Location


def place_of(chunk: ChunkRow) -> Location:
    """The place of the chunk's frame, as of the transaction that the row was read in."""
    return Location(chunk.pack, chunk.frame_offset, chunk.frame_bytes)
