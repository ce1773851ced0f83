"""ScanObjects of our own model: ListObjects for agents that compare whole trees, with pages a hundred times as long."""

from collections.abc import Mapping
from typing import cast

from holdfast.catalog import damage
from holdfast.dataplane import digests, handles
from holdfast.dataplane.checks import check_range
from holdfast.dataplane.object_pages import chosen_filter, read_page
from holdfast.dataplane.reading import reading
from holdfast.dataplane.store import Store
from holdfast.model.limits import SCAN_PAGE_RESULTS_MAX
from holdfast.model.token import TokenKind

_KIND = TokenKind.SCAN_PAGE


def scan_objects(store: Store, params: Mapping[str, object]) -> Mapping[str, object]:
    """A page of at most MaxResults (10,000) objects with sizes, in the order of names."""
    job_id = str(params["StorageJobId"])
    limit = check_range(
        cast(int, params.get("MaxResults", SCAN_PAGE_RESULTS_MAX)), 1, SCAN_PAGE_RESULTS_MAX, "MaxResults"
    )
    chosen = chosen_filter(store, _KIND, job_id, params)
    with reading(store, job_id) as open_read:
        rows, rest = read_page(open_read, chosen, limit)
        damaged = damage.damaged_objects(open_read.tx, [row.object_no for row in rows])
        listed = [
            {
                "Name": row.name,
                "MetadataString": row.metadata_string,
                "ObjectChecksum": digests.object_checksum_text(open_read.keys, row.object_no, row.sealed_checksum),
                "ObjectToken": handles.issue_object(store.tokens, job_id, row.object_no),
                "ChunksCount": row.chunk_count,
                "Bytes": row.total_bytes,
                "MetadataBlobLength": row.metadata_bytes,
                "Damaged": True if row.object_no in damaged else None,
            }
            for row in rows
        ]
    token = handles.issue_object_page(store.tokens, _KIND, job_id, rest) if rest else None
    return {"ObjectList": listed, "NextToken": token}
