"""NotifyObjectComplete: makes an upload an object of the job's view, at once and atomically (contract 3.3)."""

from collections.abc import Mapping
from typing import cast

from holdfast.catalog import condemned, leases, objects
from holdfast.catalog.objects import ObjectRow, UploadRow
from holdfast.catalog.transaction import Tx
from holdfast.dataplane import digests, handles
from holdfast.dataplane.checks import check_chunk, check_length, check_size, check_summary
from holdfast.dataplane.duplicates import refuse_duplicate
from holdfast.dataplane.intake import Arrival, Recorded, VaultRef, take_in
from holdfast.dataplane.job_refs import own_view, vault_of
from holdfast.dataplane.store import Store
from holdfast.model import checksum
from holdfast.model.errors import DataExists, InvalidState, NotFound
from holdfast.model.limits import METADATA_BLOB_BYTES_MAX
from holdfast.model.names import check_metadata_string
from holdfast.records.object_checksum import open_object_checksum, seal_object_checksum
from holdfast.wire.message import Buffer

_BLOB_PARAMETERS = ("MetadataBlobLength", "MetadataBlobChecksum", "MetadataBlobChecksumAlgorithm")


def notify_object_complete(store: Store, params: Mapping[str, object]) -> Mapping[str, object]:
    """Completes the upload. Said again with the same checksum it is the same answer; with another, DataExists."""
    job_id = str(params["BackupJobId"])
    object_no = handles.open_upload(store.tokens, job_id, str(params["UploadId"]))
    declared = str(params["ObjectChecksum"])
    declared_digest = checksum.decode(declared, "ObjectChecksum")
    metadata_string = cast(str | None, params.get("MetadataString"))
    if metadata_string is not None:
        check_metadata_string(metadata_string)
    blob = _metadata_blob(params)
    vault = vault_of(store, job_id)
    now_us = store.clock.now_us()

    def apply(tx: Tx, recorded: Recorded) -> None:
        view = own_view(leases.require_running(tx, job_id, now_us))
        upload = objects.find_upload_to_end(tx, view.job_no, object_no)
        if upload is None:
            raise NotFound("UploadId names no upload of this job: start one with StartObject")
        if upload.state != "OPEN":
            _accept_repetition(vault, upload, declared_digest)
            # The blob that came along may be another one this time; nothing will ever refer to it.
            condemned.condemn(tx, recorded)
            return
        if upload.throw_on_duplicate:
            refuse_duplicate(tx, vault.keys, view, upload.name)
        summary, chunk_count, size = digests.summarise(tx, vault.keys, object_no)
        check_summary(summary, declared, "ObjectChecksum")
        objects.retire(tx, view, [upload.name])
        done = ObjectRow(
            object_no=object_no,
            name=upload.name,
            completed_us=now_us,
            chunk_count=chunk_count,
            total_bytes=size,
            sealed_checksum=seal_object_checksum(vault.keys, object_no, summary),
            metadata_string=metadata_string,
            metadata_chunk_no=recorded[0] if recorded else None,
            metadata_bytes=len(blob.data) if blob else None,
        )
        objects.complete(tx, view, done)

    take_in(store, vault, [blob] if blob else [], apply)
    return {"ObjectChecksum": declared, "ObjectChecksumAlgorithm": checksum.SUMMARY}


def _accept_repetition(vault: VaultRef, upload: UploadRow, declared_digest: bytes) -> None:
    if upload.sealed_checksum is None:
        raise InvalidState(f"the upload of {upload.name!r} was given up: start the object again with StartObject")
    stored = open_object_checksum(vault.keys, upload.object_no, upload.sealed_checksum)
    if stored != declared_digest:
        raise DataExists(
            f"the upload of {upload.name!r} was completed with another checksum: start the object again to replace it",
            checksum=checksum.encode(stored),
            checksum_algorithm=checksum.SUMMARY,
        )


def _metadata_blob(params: Mapping[str, object]) -> Arrival | None:
    # As with an inline chunk: an empty blob and none differ only by the parameters.
    data = cast(Buffer, params.get("MetadataBlob", b""))
    if not len(data) and not any(parameter in params for parameter in _BLOB_PARAMETERS):
        return None
    check_size(len(data), METADATA_BLOB_BYTES_MAX, "MetadataBlob", "store larger metadata as an object of its own")
    check_length(data, cast(int | None, params.get("MetadataBlobLength")), "MetadataBlobLength")
    return Arrival(
        data, check_chunk(data, cast(str | None, params.get("MetadataBlobChecksum")), "MetadataBlobChecksum")
    )
