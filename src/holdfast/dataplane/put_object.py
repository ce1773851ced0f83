"""PutObject: a whole object of at most one chunk in one request."""

import hashlib
from collections.abc import Mapping
from typing import cast

from holdfast.catalog import chunk_index, leases, objects
from holdfast.catalog.objects import ObjectRow
from holdfast.catalog.transaction import Tx
from holdfast.dataplane.checks import check_chunk, check_length, check_size, check_summary
from holdfast.dataplane.duplicates import refuse_duplicate
from holdfast.dataplane.intake import Arrival, Recorded, take_in
from holdfast.dataplane.job_refs import own_view, vault_of
from holdfast.dataplane.store import Store
from holdfast.model import checksum
from holdfast.model.errors import InvalidInput
from holdfast.model.names import check_metadata_string, check_object_name
from holdfast.records.object_checksum import seal_object_checksum
from holdfast.wire.message import Buffer

_CHUNK_PARAMETERS = ("InlineChunkLength", "InlineChunkChecksum", "InlineChunkChecksumAlgorithm")
_NO_BYTES = hashlib.sha256(b"").digest()


def put_object(store: Store, params: Mapping[str, object]) -> Mapping[str, object]:
    """Makes an object of ObjectName, replacing the one of that name. Both checksums are optional and then computed.

    The answer has both in any case, since typed clients fail without: of no bytes where there was no chunk.
    """
    job_id = str(params["BackupJobId"])
    name = check_object_name(str(params["ObjectName"]))
    metadata_string = cast(str | None, params.get("MetadataString"))
    if metadata_string is not None:
        check_metadata_string(metadata_string)
    arrivals = [Arrival(*chunk)] if (chunk := _inline_chunk(store, params)) is not None else []
    summary = checksum.summary(arrival.digest for arrival in arrivals)
    check_summary(summary, cast(str | None, params.get("ObjectChecksum")), "ObjectChecksum")
    throw_on_duplicate = bool(params.get("ThrowOnDuplicate", False))
    vault = vault_of(store, job_id)
    now_us = store.clock.now_us()

    def apply(tx: Tx, recorded: Recorded) -> None:
        view = own_view(leases.require_running(tx, job_id, now_us))
        if throw_on_duplicate:
            refuse_duplicate(tx, vault.keys, view, name)
        objects.retire(tx, view, [name])
        [object_no] = objects.take_numbers(tx, 1)
        whole = ObjectRow(
            object_no=object_no,
            name=name,
            completed_us=now_us,
            chunk_count=len(arrivals),
            total_bytes=sum(len(arrival.data) for arrival in arrivals),
            sealed_checksum=seal_object_checksum(vault.keys, object_no, summary),
            metadata_string=metadata_string,
            metadata_chunk_no=None,
            metadata_bytes=None,
        )
        objects.insert_whole(tx, view, [whole])
        chunk_index.refer(tx, view.series_no, [(object_no, 0, chunk_no) for chunk_no in recorded])

    take_in(store, vault, arrivals, apply)
    return {
        "InlineChunkChecksum": checksum.encode(arrivals[0].digest if arrivals else _NO_BYTES),
        "InlineChunkChecksumAlgorithm": checksum.SHA256,
        "ObjectChecksum": checksum.encode(summary),
        "ObjectChecksumAlgorithm": checksum.SUMMARY,
    }


def _inline_chunk(store: Store, params: Mapping[str, object]) -> tuple[Buffer, bytes] | None:
    # An absent and an empty body look the same on the wire: a chunk is there if a byte came or a parameter tells of it.
    data = cast(Buffer, params.get("InlineChunk", b""))
    if not len(data) and not any(parameter in params for parameter in _CHUNK_PARAMETERS):
        return None
    algorithm = params.get("InlineChunkChecksumAlgorithm", checksum.SHA256)
    if algorithm != checksum.SHA256:
        raise InvalidInput(f"InlineChunkChecksumAlgorithm is {str(algorithm)[:80]!r}: it must be SHA256")
    check_size(len(data), store.chunk_bytes_max, "InlineChunk", "use StartObject and PutChunk for larger objects")
    # Some SDKs leave out a length of zero, which then is true; others send streams whose length they do not know.
    check_length(data, cast(int | None, params.get("InlineChunkLength")), "InlineChunkLength")
    return data, check_chunk(data, cast(str | None, params.get("InlineChunkChecksum")), "InlineChunkChecksum")
