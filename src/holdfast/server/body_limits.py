"""How large the body of each operation may be, and how its declared lengths must agree, decided from the head alone."""

from collections.abc import Mapping

from holdfast.model.errors import InvalidInput, MissingInput, UnreadableBody
from holdfast.model.limits import (
    BATCH_BYTES_MAX,
    BATCH_OBJECTS_MAX,
    CHUNK_BYTES_MAX,
    JSON_BODY_BYTES_MAX,
    METADATA_BLOB_BYTES_MAX,
    OBJECT_NAME_BYTES_MAX,
)
from holdfast.wire.message import RequestHead
from holdfast.wire.specs import Operation

LENGTH_MEMBER = {"PutChunk": "Length", "PutObject": "InlineChunkLength", "NotifyObjectComplete": "MetadataBlobLength"}
"""The parameter in which an operation repeats the length of its body."""

_DECLARED = {
    "PutObject": ("InlineChunkLength", "InlineChunkChecksum"),
    "NotifyObjectComplete": ("MetadataBlobLength", "MetadataBlobChecksum"),
}
"""What says how long a body is and what is in it, where the model lets clients leave that out."""

_BATCH_OVERHEAD_BYTES = BATCH_OBJECTS_MAX * 64 + OBJECT_NAME_BYTES_MAX


class BodyLimits:
    """The largest body and the largest blob answer of each operation, in bytes."""

    def __init__(self, chunk_bytes_max: int = CHUNK_BYTES_MAX, *, require_checksums: bool = False) -> None:
        """`require_checksums`: a body that its signature leaves out must come with its length and checksum."""
        self._require_checksums = require_checksums
        self._chunk_bytes_max = chunk_bytes_max
        self._bodies = {
            "PutChunk": chunk_bytes_max,
            "PutObject": chunk_bytes_max,
            "NotifyObjectComplete": METADATA_BLOB_BYTES_MAX,
            "PutObjects": BATCH_BYTES_MAX + _BATCH_OVERHEAD_BYTES,
        }
        self._answers = {
            "GetChunk": chunk_bytes_max,
            "GetObjectMetadata": METADATA_BLOB_BYTES_MAX,
            "GetObjects": BATCH_BYTES_MAX + _BATCH_OVERHEAD_BYTES,
        }

    @property
    def largest(self) -> int:
        """The most that any one request may hold, in bytes."""
        return max(*self._bodies.values(), *self._answers.values())

    def body_bytes_max(self, operation: Operation) -> int:
        return self._bodies.get(operation.name, JSON_BODY_BYTES_MAX)

    def answer_bytes_max(self, operation: Operation) -> int:
        """The room that the answer may need; 0 for answers too small to count."""
        return self._answers.get(operation.name, 0)

    def require_declared(self, operation: Operation, params: Mapping[str, object], content_length: int | None) -> None:
        """Nothing, or MissingInput where a body that is not signed comes without what the query can say of it."""
        if not self._require_checksums or content_length == 0:
            return
        for member in _DECLARED.get(operation.name, ()):
            if member not in params:
                raise MissingInput(
                    f"{member} is missing: this service takes no body that the signature leaves out (UNSIGNED-PAYLOAD)"
                    " without it; send it, or sign the body's SHA-256 in x-amz-content-sha256"
                )

    def check_lengths(self, operation: Operation, params: Mapping[str, object], content_length: int | None) -> int:
        """The most bytes that the body may have, having checked every length that the head declares.

        Raises InvalidInput for a length over its limit or over the declared one, UnreadableBody where the body will be
        shorter than the `length` parameter promises.
        """
        ceiling = self.body_bytes_max(operation)
        member = LENGTH_MEMBER.get(operation.name)
        promised = params.get(member) if member is not None else None
        if isinstance(promised, int):
            if promised > ceiling:
                raise InvalidInput(f"{member} is {promised}: at most {ceiling} bytes are accepted, send less at once")
            check_body_length(member or "", promised, content_length)
            return promised
        if content_length is not None and content_length > ceiling:
            raise InvalidInput(
                f"Content-Length is {content_length}: {operation.name} takes at most {ceiling} bytes, send less at once"
            )
        return ceiling if content_length is None else content_length


def check_body_length(member: str, promised: int, received: int | None) -> None:
    """Nothing if the body has or will have the `promised` length; InvalidInput if longer, UnreadableBody if shorter."""
    if received is None or received == promised:
        return
    if received > promised:
        raise InvalidInput(f"{member} is {promised} but the body has {received} bytes: they must be equal")
    raise UnreadableBody(f"{member} is {promised} but the body has only {received} bytes: send the whole body again")


def content_length(head: RequestHead) -> int | None:
    """The declared length of the body; 0 without a body, None for chunked transfer. Raises InvalidInput."""
    if head.header(b"transfer-encoding") is not None:
        return None
    values = set(head.header_values(b"content-length"))
    if not values:
        return 0
    text = values.pop()
    if values or not text.isdigit() or len(text) > 18:
        shown = text[:40].decode("ascii", "backslashreplace")
        raise InvalidInput(f"Content-Length is {shown!r}: it must be one whole number of bytes")
    return int(text)
