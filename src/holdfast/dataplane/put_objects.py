"""PutObjects of our own model: many small objects in one request, one sync and one transaction; all of them or none."""

from collections.abc import Mapping
from typing import cast

from holdfast.catalog import chunk_index, leases, objects
from holdfast.catalog.objects import ObjectRow
from holdfast.catalog.transaction import Tx
from holdfast.dataplane.checks import check_size
from holdfast.dataplane.intake import Arrival, Recorded, take_in
from holdfast.dataplane.job_refs import own_view, vault_of
from holdfast.dataplane.store import Store
from holdfast.model import checksum
from holdfast.model.errors import ChecksumMismatch
from holdfast.model.limits import BATCH_OBJECT_BYTES_MAX, METADATA_BLOB_BYTES_MAX
from holdfast.model.names import check_metadata_string, check_object_name
from holdfast.records.object_checksum import seal_object_checksum
from holdfast.wire.batch import PutRecord, decode_puts
from holdfast.wire.message import Buffer


def put_objects(store: Store, params: Mapping[str, object]) -> Mapping[str, object]:
    """Each record as PutObject would, plus its metadata blob; later records replace earlier ones of the same name."""
    job_id = str(params["BackupJobId"])
    sent = decode_puts(cast(Buffer, params["Objects"]))
    records = list({record.name: record for record in sent}.values())
    chunks = [_chunk(record) for record in records]
    blobs = [_blob(record) for record in records]
    arrivals = [*(one for one in chunks if one), *(one for one in blobs if one)]
    summaries = [checksum.summary([one.digest] if one else []) for one in chunks]
    vault = vault_of(store, job_id)
    now_us = store.clock.now_us()

    def apply(tx: Tx, recorded: Recorded) -> None:
        view = own_view(leases.require_running(tx, job_id, now_us))
        objects.retire(tx, view, [record.name for record in records])
        numbers = iter(recorded)
        chunk_nos = [next(numbers) if one else None for one in chunks]
        blob_nos = [next(numbers) if one else None for one in blobs]
        object_nos = objects.take_numbers(tx, len(records))
        rows = [
            ObjectRow(
                object_no=object_no,
                name=record.name,
                completed_us=now_us,
                chunk_count=0 if record.data is None else 1,
                total_bytes=len(record.data or b""),
                sealed_checksum=seal_object_checksum(vault.keys, object_no, summary),
                metadata_string=record.metadata_string,
                metadata_chunk_no=blob_no,
                metadata_bytes=None if record.metadata_blob is None else len(record.metadata_blob),
            )
            for object_no, record, summary, blob_no in zip(object_nos, records, summaries, blob_nos, strict=True)
        ]
        objects.insert_whole(tx, view, rows)
        chunk_index.refer(
            tx,
            view.series_no,
            [(object_no, 0, number) for object_no, number in zip(object_nos, chunk_nos, strict=True) if number],
        )

    take_in(store, vault, arrivals, apply)
    return {"Count": len(sent)}


def _chunk(record: PutRecord) -> Arrival | None:
    check_object_name(record.name)
    if record.metadata_string is not None:
        check_metadata_string(record.metadata_string)
    if record.data is None:
        return None
    check_size(len(record.data), BATCH_OBJECT_BYTES_MAX, f"object {record.name!r}", "send it by PutObject or PutChunk")
    actual = checksum.digest(record.data)
    if record.digest is not None and record.digest != actual:
        raise ChecksumMismatch(f"the bytes of object {record.name!r} do not have the SHA-256 that came with them")
    return Arrival(record.data, actual)


def _blob(record: PutRecord) -> Arrival | None:
    if record.metadata_blob is None:
        return None
    check_size(len(record.metadata_blob), METADATA_BLOB_BYTES_MAX, "MetadataBlob", "store it as an object of its own")
    return Arrival(record.metadata_blob, checksum.digest(record.metadata_blob))
