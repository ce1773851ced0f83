"""Writing objects into a backup job: six of the nine operations, and the batches of our own model.

Bodies of PutObject, PutChunk and NotifyObjectComplete are not covered by the signature, so their length and checksum
always go along and the service checks them. Digests are 32 raw bytes of SHA-256, computed by the caller once.
"""

from collections.abc import Sequence

import msgspec

from holdfast.client import answers
from holdfast.client.call import Requester, decode
from holdfast.client.request_line import label, query
from holdfast.client.transport import Body, body_bytes
from holdfast.model import checksum
from holdfast.wire import batch
from holdfast.wire.message import Buffer

_stored = msgspec.json.Decoder(answers.ObjectStored)
_upload = msgspec.json.Decoder(answers.UploadStarted)
_chunk = msgspec.json.Decoder(answers.ChunkStored)
_counted = msgspec.json.Decoder(answers.Counted)


class Writing:
    """The writing operations as methods. Errors are those of model/errors."""

    def __init__(self, requester: Requester) -> None:
        self._requester = requester

    def put_object(
        self,
        job_id: str,
        name: str,
        data: Body | None = None,
        digest: bytes | None = None,
        *,
        metadata_string: str | None = None,
        throw_on_duplicate: bool = False,
    ) -> answers.ObjectStored:
        """PutObject: an object of one chunk at index 0, or of none (`data` is None). `digest` is required with data."""
        path = _object_path(job_id, name) + b"/put-object"
        length = None if data is None else body_bytes(data)
        line = query(
            ("metadata-string", metadata_string),
            ("length", length),
            ("checksum", None if digest is None else checksum.encode(digest)),
            ("checksum-algorithm", None if digest is None else checksum.SHA256),
            ("throwOnDuplicate", True if throw_on_duplicate else None),
        )
        body = b"" if data is None else data
        return decode(_stored, self._requester.storage("PUT", path, line, body=body, signed=False))

    def start_object(self, job_id: str, name: str, *, throw_on_duplicate: bool = False) -> str:
        """StartObject: the id of a new upload."""
        body = {"ThrowOnDuplicate": throw_on_duplicate}
        return decode(_upload, self._requester.storage("PUT", _object_path(job_id, name), json=body)).upload_id

    def put_chunk(
        self, job_id: str, upload_id: str, index: int, data: Body, digest: bytes, *, expect: bool = False
    ) -> answers.ChunkStored:
        """PutChunk: `data` of SHA-256 `digest` at `index`. With `expect` a chunk that is already held costs no body."""
        path = _job_path(job_id) + b"/chunk/" + label(upload_id, "UploadId") + b"/%d" % index
        line = query(
            ("length", body_bytes(data)), ("checksum", checksum.encode(digest)), ("checksum-algorithm", checksum.SHA256)
        )
        reply = self._requester.storage("PUT", path, line, body=data, signed=False, expect=expect)
        return msgspec.structs.replace(decode(_chunk, reply), body_sent=reply.body_sent)

    def notify_object_complete(
        self,
        job_id: str,
        upload_id: str,
        summary: bytes,
        *,
        metadata_string: str | None = None,
        metadata_blob: Buffer | None = None,
    ) -> answers.ObjectStored:
        """NotifyObjectComplete: `summary` is the raw SUMMARY digest over the digests of all chunks in index order."""
        path = _job_path(job_id) + b"/object/" + label(upload_id, "UploadId") + b"/complete"
        blob = metadata_blob
        line = query(
            ("checksum", checksum.encode(summary)),
            ("checksum-algorithm", checksum.SUMMARY),
            ("metadata-string", metadata_string),
            ("metadata-blob-length", None if blob is None else len(blob)),
            ("metadata-checksum", None if blob is None else checksum.encode(checksum.digest(blob))),
            ("metadata-checksum-algorithm", None if blob is None else checksum.SHA256),
        )
        body = b"" if blob is None else blob
        return decode(_stored, self._requester.storage("PUT", path, line, body=body, signed=False))

    def delete_object(self, job_id: str, name: str) -> None:
        """DeleteObject: take a name out of the job view. Raises NotFound for one that is not in it."""
        self._requester.storage("DELETE", _object_path(job_id, name))

    def put_objects(self, job_id: str, records: list[batch.PutRecord]) -> int:
        """PutObjects: many small objects at once, all or none. Answers how many."""
        body = batch.encode(records)
        return decode(_counted, self._requester.storage("POST", _job_path(job_id) + b"/objects", body=body)).count

    def delete_objects(self, job_id: str, names: Sequence[str]) -> int:
        """DeleteObjects: answers how many of the names were in the job view."""
        body = {"ObjectNames": list(names)}
        path = _job_path(job_id) + b"/objects/delete"
        return decode(_counted, self._requester.storage("POST", path, json=body)).count


def _job_path(job_id: str) -> bytes:
    return b"/backup-jobs/" + label(job_id, "BackupJobId")


def _object_path(job_id: str, name: str) -> bytes:
    return _job_path(job_id) + b"/object/" + label(name, "ObjectName")
