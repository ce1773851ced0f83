"""Reading the objects of a storage job: a restore job, or a running backup job.

Every chunk and blob that comes out of here has the length and the SHA-256 that the service declared for it; one that
was damaged on the way is fetched again.
"""

from collections.abc import Iterator, Sequence

import msgspec

from holdfast.client import answers
from holdfast.client.call import Requester, decode
from holdfast.client.page_progress import PageProgress
from holdfast.client.request_line import label, query
from holdfast.client.transport import ClientReply
from holdfast.model import checksum
from holdfast.model.errors import Internal, InvalidInput, Transient
from holdfast.wire import batch
from holdfast.wire.message import Buffer

_objects = msgspec.json.Decoder(answers.ObjectPage)
_chunks = msgspec.json.Decoder(answers.ChunkPage)


class Reading:
    """The reading operations as methods. Errors are those of model/errors."""

    def __init__(self, requester: Requester) -> None:
        self._requester = requester

    def scan_objects(
        self,
        job_id: str,
        *,
        starting_name: str | None = None,
        prefix: str | None = None,
        results_max: int | None = None,
        next_token: str | None = None,
    ) -> answers.ObjectPage:
        """ScanObjects: one page of objects in the order of their names' UTF-8 bytes."""
        line = query(
            ("starting-object-name", starting_name),
            ("starting-object-prefix", prefix),
            ("max-results", results_max),
            ("next-token", next_token),
        )
        return decode(_objects, self._requester.storage("GET", _job_path(job_id) + b"/objects/scan", line))

    def get_objects(self, job_id: str, tokens: Sequence[str]) -> list[batch.GetRecord]:
        """GetObjects: the chunks and blobs of many small objects, in the order of their tokens."""
        found: list[batch.GetRecord] = []

        def check(reply: ClientReply) -> None:
            try:
                found[:] = batch.decode_gets(reply.body, len(tokens))
            except InvalidInput as malformed:
                raise Transient(f"the endpoint's batch cannot be read: {malformed}") from malformed

        path = _job_path(job_id) + b"/objects/get"
        self._requester.storage("POST", path, json={"ObjectTokens": list(tokens)}, check=check)
        return found

    def list_chunks(self, job_id: str, object_token: str) -> Iterator[answers.ListedChunk]:
        """ListChunks, all pages: the chunks of an object in ascending index."""
        path = _job_path(job_id) + b"/chunks/" + label(object_token, "ObjectToken") + b"/list"
        token: str | None = None
        progress = PageProgress("list of chunks")
        last = -1
        while True:
            page = decode(_chunks, self._requester.storage("GET", path, query(("next-token", token))))
            token = page.next_token
            progress.check(token, is_empty=not page.chunk_list)
            for chunk in page.chunk_list:
                if chunk.index <= last:
                    raise Internal(f"the endpoint's list of chunks is out of order: {chunk.index} follows {last}")
                last = chunk.index
                yield chunk
            if token is None:
                return

    def get_chunk(self, job_id: str, chunk_token: str, *, digest: bytes | None = None) -> Buffer:
        """GetChunk: the bytes of a chunk, checked against the reply's checksum, and against `digest` if it is given."""
        path = _job_path(job_id) + b"/chunk/" + label(chunk_token, "ChunkToken")

        def check(reply: ClientReply) -> None:
            _check_body(reply, "the chunk", digest)

        return self._requester.storage("GET", path, check=check).body

    def get_object_metadata(self, job_id: str, object_token: str) -> answers.ObjectMetadata:
        """GetObjectMetadata: string and blob; the blob is checked like a chunk."""
        path = _job_path(job_id) + b"/object/" + label(object_token, "ObjectToken") + b"/metadata"

        def check(reply: ClientReply) -> None:
            if reply.header(b"x-amz-data-length") is not None:
                _check_body(reply, "the metadata blob", None)

        reply = self._requester.storage("GET", path, check=check)
        text = reply.header(b"x-amz-metadata-string")
        has_blob = reply.header(b"x-amz-data-length") is not None
        return answers.ObjectMetadata(
            None if text is None else text.decode("utf-8", "replace"), reply.body if has_blob else None
        )


def _check_body(reply: ClientReply, what: str, digest: bytes | None) -> None:
    length = reply.header(b"x-amz-data-length")
    declared = reply.header(b"x-amz-checksum")
    if length is None or declared is None:
        raise Transient(f"{what} came without x-amz-data-length or x-amz-checksum")
    if not length.isdigit() or int(length) != len(reply.body):
        shown = length[:20].decode("ascii", "replace")
        raise Transient(f"{what} has {len(reply.body)} bytes where {shown} were declared")
    actual = checksum.digest(reply.body)
    if checksum.encode(actual).encode("ascii") != declared or (digest is not None and digest != actual):
        raise Transient(f"{what} does not have its declared checksum")


def _job_path(job_id: str) -> bytes:
    return b"/restore-jobs/" + label(job_id, "StorageJobId")
