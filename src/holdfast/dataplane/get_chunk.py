"""GetChunk: the bytes of one chunk, exactly as they were written, or an error."""

from collections.abc import Mapping

from holdfast.catalog import chunk_index
from holdfast.dataplane import handles
from holdfast.dataplane.reading import read_chunk, reading
from holdfast.dataplane.store import Store
from holdfast.model import checksum
from holdfast.model.errors import NotFound


def get_chunk(store: Store, params: Mapping[str, object]) -> Mapping[str, object]:
    """The chunk behind ChunkToken with its length and SHA-256, verified on the way out."""
    job_id = str(params["StorageJobId"])
    handle = handles.open_chunk(store.tokens, job_id, str(params["ChunkToken"]))
    with reading(store, job_id) as open_read:
        open_read.object(handle.object_no)
        found = chunk_index.page(open_read.tx, handle.object_no, handle.index - 1, 1)
        keys = open_read.keys
    if not found or found[0].index != handle.index or found[0].chunk_no != handle.chunk_no:
        raise NotFound("the chunk behind this ChunkToken is no longer there: list the chunks again")
    data = read_chunk(store, keys, found[0])
    digest = keys.open_digest(found[0].chunk_id, found[0].sealed_digest)
    return {
        "Data": data,
        "Length": len(data),
        "Checksum": checksum.encode(digest),
        "ChecksumAlgorithm": checksum.SHA256,
    }
