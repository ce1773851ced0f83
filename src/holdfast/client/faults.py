"""Error answers back into the tree of errors: the mirror of the service's own table."""

import msgspec

from holdfast.client.transport import ClientReply
from holdfast.model.errors import (
    AlreadyExists,
    Damaged,
    DataExists,
    Denied,
    DiskFull,
    HoldfastError,
    Internal,
    InvalidInput,
    InvalidState,
    LimitExceeded,
    MissingInput,
    NotFound,
    Throttled,
    Transient,
    Unavailable,
    UnreadableBody,
    UnusableKey,
)
from holdfast.wire.faults import DAMAGED, DISK_FULL

_CLASSES: dict[str, type[HoldfastError]] = {
    "AccessDeniedException": Denied,
    "ResourceNotFoundException": NotFound,
    "ThrottlingException": Throttled,
    "IllegalArgumentException": InvalidInput,
    "KMSInvalidKeyUsageException": UnusableKey,
    "NotReadableInputStreamException": UnreadableBody,
    "RetryableException": Transient,
    "ServiceInternalException": Internal,
    "ServiceUnavailableException": Unavailable,
    "InvalidParameterValueException": InvalidInput,
    "MissingParameterValueException": MissingInput,
    "InvalidRequestException": InvalidState,
    "InvalidResourceStateException": InvalidState,
    "LimitExceededException": LimitExceeded,
    "DependencyFailureException": Unavailable,
}
RETRY_AFTER_MS_MAX = 30_000


class _ErrorBody(msgspec.Struct):
    code: str | None = msgspec.field(default=None, name="__type")
    message: str | None = msgspec.field(default=None, name="Message")
    checksum: str | None = msgspec.field(default=None, name="Checksum")
    checksum_algorithm: str | None = msgspec.field(default=None, name="ChecksumAlgorithm")
    arn: str | None = msgspec.field(default=None, name="Arn")
    reason: str | None = msgspec.field(default=None, name="Reason")


_body = msgspec.json.Decoder(_ErrorBody)


def error_of(reply: ClientReply) -> HoldfastError:
    """The error that an answer of status >= 300 stands for."""
    try:
        body = _body.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = _ErrorBody()
    header = reply.header(b"x-amzn-errortype")
    code = (header.decode("latin-1") if header else body.code or "").partition(":")[0].rpartition("#")[2]
    message = body.message or f"the endpoint answered {reply.status} {code or 'without saying why'}"
    if code == "DataAlreadyExistsException":
        return DataExists(message, checksum=body.checksum or "", checksum_algorithm=body.checksum_algorithm or "")
    if code == "AlreadyExistsException":
        return AlreadyExists(message, arn=body.arn)
    if reply.status == 429 or code == "ThrottlingException":
        return Throttled(message, retry_after_ms=retry_after_ms(reply) or 1000)
    if body.reason == DISK_FULL:
        return DiskFull(message)
    if body.reason == DAMAGED:
        return Damaged(message)
    known = _CLASSES.get(code)
    if known is not None:
        return known(message)
    return _by_status(reply.status, message)


def _by_status(status: int, message: str) -> HoldfastError:
    if status >= 500:
        return Unavailable(message)
    if status in (401, 403):
        return Denied(message)
    if status == 404:
        return NotFound(message)
    if status >= 400:
        return InvalidInput(message)
    return InvalidInput(f"{message}: is the endpoint a Holdfast service?")


def retry_after_ms(reply: ClientReply) -> int | None:
    """How long the service asks us to wait, in milliseconds: x-amz-retry-after, else Retry-After (seconds); capped."""
    for name, unit in ((b"x-amz-retry-after", 1), (b"retry-after", 1000)):
        value = reply.header(name)
        if value is not None and value.isdigit() and len(value) < 10:
            return min(int(value) * unit, RETRY_AFTER_MS_MAX)
    return None
