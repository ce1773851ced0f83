"""GetObjects of our own model: many small objects read in one request."""

from collections.abc import Mapping, Sequence
from typing import cast

from holdfast.catalog import chunk_index
from holdfast.catalog.chunk_index import ChunkRow
from holdfast.catalog.objects import ObjectRow
from holdfast.dataplane import handles
from holdfast.dataplane.checks import check_range, check_size
from holdfast.dataplane.reading import Reading, read_chunk, reading
from holdfast.dataplane.store import Store
from holdfast.model.errors import Damaged, InvalidInput
from holdfast.model.limits import BATCH_BYTES_MAX, BATCH_CHUNKS_MAX, BATCH_OBJECTS_MAX
from holdfast.wire.batch import GetRecord, encode


def get_objects(store: Store, params: Mapping[str, object]) -> Mapping[str, object]:
    """The objects behind ObjectTokens, each once and in their order, within the budget of a batch.

    That is one of bytes and one of chunks, and both are kept before a chunk is read.
    """
    job_id = str(params["StorageJobId"])
    wanted = cast(list[str], params["ObjectTokens"])
    check_range(len(wanted), 0, BATCH_OBJECTS_MAX, "the number of ObjectTokens")
    numbers = [handles.open_object(store.tokens, job_id, token) for token in wanted]
    _check_repeats(numbers)
    with reading(store, job_id) as open_read:
        found = open_read.objects(numbers)
        _check_budget(found)
        chunks = chunk_index.of_objects(open_read.tx, numbers)
        blobs = {row.object_no: _blob(open_read, row) for row in found if row.metadata_chunk_no is not None}
        keys = open_read.keys
    records = [
        GetRecord(
            [(chunk.index, read_chunk(store, keys, chunk)) for chunk in chunks.get(row.object_no, ())],
            read_chunk(store, keys, blobs[row.object_no]) if row.object_no in blobs else None,
        )
        for row in found
    ]
    return {"Objects": encode(records)}


def _check_repeats(numbers: Sequence[int]) -> None:
    first: dict[int, int] = {}
    for position, number in enumerate(numbers):
        former = first.setdefault(number, position)
        if former != position:
            raise InvalidInput(
                f"ObjectTokens[{position}] is of the same object as ObjectTokens[{former}]: ask for each object once"
            )


def _check_budget(found: Sequence[ObjectRow]) -> None:
    by_chunk = "read it by ListChunks and GetChunk"
    for row in found:
        check_size(row.total_bytes, BATCH_BYTES_MAX, f"object {row.name!r}", by_chunk)
        _check_chunks(row.chunk_count, f"object {row.name!r}", by_chunk)
    size = sum(row.total_bytes + (row.metadata_bytes or 0) for row in found)
    fewer = "ask for fewer objects at once, and for large ones by GetChunk"
    check_size(size, BATCH_BYTES_MAX, "the batch", fewer)
    _check_chunks(sum(row.chunk_count for row in found), "the batch", fewer)


def _check_chunks(count: int, what: str, remedy: str) -> None:
    if count > BATCH_CHUNKS_MAX:
        raise InvalidInput(f"{what} has {count} chunks: at most {BATCH_CHUNKS_MAX} are read at once; {remedy}")


def _blob(open_read: Reading, row: ObjectRow) -> ChunkRow:
    assert row.metadata_chunk_no is not None
    blob = chunk_index.find_by_number(open_read.tx, open_read.vault_no, row.metadata_chunk_no)
    if blob is None:
        raise Damaged(f"the catalog lost the metadata blob of {row.name!r}")
    return blob
