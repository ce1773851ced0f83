"""ListObjects: the names of a view in the order of their UTF-8 bytes, a page at a time (contract 3.8)."""

from collections.abc import Mapping
from typing import cast

from holdfast.dataplane import digests, handles
from holdfast.dataplane.checks import check_range
from holdfast.dataplane.object_pages import chosen_filter, read_page
from holdfast.dataplane.reading import reading
from holdfast.dataplane.store import Store
from holdfast.model import checksum
from holdfast.model.limits import PAGE_RESULTS_DEFAULT, PAGE_RESULTS_MAX
from holdfast.model.token import TokenKind

_KIND = TokenKind.OBJECT_PAGE


def list_objects(store: Store, params: Mapping[str, object]) -> Mapping[str, object]:
    """A page of at most MaxResults objects, each with the token that reads it in this job."""
    job_id = str(params["StorageJobId"])
    limit = check_range(cast(int, params.get("MaxResults", PAGE_RESULTS_DEFAULT)), 1, PAGE_RESULTS_MAX, "MaxResults")
    chosen = chosen_filter(store, _KIND, job_id, params)
    with reading(store, job_id) as open_read:
        rows, rest = read_page(open_read, chosen, limit)
        listed = [
            {
                "Name": row.name,
                "ChunksCount": row.chunk_count,
                "MetadataString": row.metadata_string,
                "ObjectChecksum": digests.object_checksum_text(open_read.keys, row.object_no, row.sealed_checksum),
                "ObjectChecksumAlgorithm": checksum.SUMMARY,
                "ObjectToken": handles.issue_object(store.tokens, job_id, row.object_no),
            }
            for row in rows
        ]
    token = handles.issue_object_page(store.tokens, _KIND, job_id, rest) if rest else None
    return {"ObjectList": listed, "NextToken": token}
