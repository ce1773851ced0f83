"""ListChunks: the chunks of an object by ascending index, a page at a time."""

from collections.abc import Mapping
from typing import cast

from holdfast.catalog import chunk_index
from holdfast.dataplane import handles
from holdfast.dataplane.checks import check_range
from holdfast.dataplane.handles import ChunkHandle
from holdfast.dataplane.reading import reading
from holdfast.dataplane.store import Store
from holdfast.model import checksum
from holdfast.model.errors import InvalidInput
from holdfast.model.limits import PAGE_RESULTS_DEFAULT, PAGE_RESULTS_MAX


def list_chunks(store: Store, params: Mapping[str, object]) -> Mapping[str, object]:
    """A page of at most MaxResults chunks, each with the token that reads it in this job."""
    job_id = str(params["StorageJobId"])
    object_no = handles.open_object(store.tokens, job_id, str(params["ObjectToken"]))
    limit = check_range(cast(int, params.get("MaxResults", PAGE_RESULTS_DEFAULT)), 1, PAGE_RESULTS_MAX, "MaxResults")
    after = -1
    token = cast(str | None, params.get("NextToken"))
    if token is not None:
        of_object, after = handles.open_chunk_page(store.tokens, job_id, token)
        if of_object != object_no:
            raise InvalidInput(
                "NextToken belongs to the chunks of another object: use it with the ObjectToken it came with"
            )
    with reading(store, job_id) as open_read:
        open_read.object(object_no)
        rows = chunk_index.page(open_read.tx, object_no, after, limit + 1)
        keys = open_read.keys
    listed = [
        {
            "Index": row.index,
            "Length": row.raw_bytes,
            "Checksum": checksum.encode(keys.open_digest(row.chunk_id, row.sealed_digest)),
            "ChecksumAlgorithm": checksum.SHA256,
            "ChunkToken": handles.issue_chunk(store.tokens, job_id, ChunkHandle(object_no, row.index, row.chunk_no)),
        }
        for row in rows[:limit]
    ]
    more = len(rows) > limit
    return {
        "ChunkList": listed,
        "NextToken": handles.issue_chunk_page(store.tokens, job_id, object_no, rows[limit - 1].index) if more else None,
    }
