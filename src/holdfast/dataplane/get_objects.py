"""GetObjects of our own model: many small objects read in one request."""

from collections.abc import Mapping
from typing import cast

from holdfast.catalog import chunk_index
from holdfast.catalog.chunk_index import ChunkRow
from holdfast.dataplane import handles
from holdfast.dataplane.checks import check_range, check_size
from holdfast.dataplane.reading import Reading, read_chunk, reading
from holdfast.dataplane.store import Store
from holdfast.model.errors import Damaged
from holdfast.model.limits import BATCH_BYTES_MAX, BATCH_OBJECTS_MAX
from holdfast.wire.batch import GetRecord, encode

_CHUNKS_OF_ONE_MAX = 10_000


def get_objects(store: Store, params: Mapping[str, object]) -> Mapping[str, object]:
    """The objects behind ObjectTokens, in their order, as far as they make 16 MiB or less together."""
    job_id = str(params["StorageJobId"])
    wanted = cast(list[str], params["ObjectTokens"])
    check_range(len(wanted), 0, BATCH_OBJECTS_MAX, "the number of ObjectTokens")
    numbers = [handles.open_object(store.tokens, job_id, token) for token in wanted]
    with reading(store, job_id) as open_read:
        found = [_rows(open_read, object_no) for object_no in numbers]
        keys = open_read.keys
    size = sum(chunk.raw_bytes for chunks, blob in found for chunk in (*chunks, *([blob] if blob else ())))
    check_size(size, BATCH_BYTES_MAX, "the batch", "ask for fewer objects at once, and for large ones by GetChunk")
    records = [
        GetRecord(
            [(chunk.index, read_chunk(store, keys, chunk)) for chunk in chunks],
            read_chunk(store, keys, blob) if blob else None,
        )
        for chunks, blob in found
    ]
    return {"Objects": encode(records)}


def _rows(open_read: Reading, object_no: int) -> tuple[list[ChunkRow], ChunkRow | None]:
    found = open_read.object(object_no)
    check_size(found.total_bytes, BATCH_BYTES_MAX, f"object {found.name!r}", "read it by ListChunks and GetChunk")
    check_range(found.chunk_count, 0, _CHUNKS_OF_ONE_MAX, f"the number of chunks of object {found.name!r}")
    chunks = chunk_index.page(open_read.tx, object_no, -1, _CHUNKS_OF_ONE_MAX) if found.chunk_count else []
    if found.metadata_chunk_no is None:
        return chunks, None
    blob = chunk_index.find_by_number(open_read.tx, open_read.vault_no, found.metadata_chunk_no)
    if blob is None:
        raise Damaged(f"the catalog lost the metadata blob of {found.name!r}")
    return chunks, blob
