"""The one table between our tree of errors and the codes and statuses that AWS clients know.

A row lists codes in order of preference: the first that the model lists for the operation is used, because typed SDKs
know only those; where it lists none of them, the first. Answers name the code in `x-amzn-ErrorType` and `__type` and
the text in `Message`, the one spelling that every SDK reads. A 5xx or 429 says when to come back.
"""

import math
from collections.abc import Mapping

import msgspec

from holdfast.model.errors import (
    AlreadyExists,
    CallerError,
    Damaged,
    DataExists,
    Denied,
    DiskFull,
    HoldfastError,
    InvalidInput,
    InvalidState,
    LimitExceeded,
    MissingInput,
    NotFound,
    ServiceError,
    Throttled,
    Transient,
    Unavailable,
    UnreadableBody,
    UnusableKey,
)
from holdfast.wire.message import Response
from holdfast.wire.specs import BACKUP, BACKUPSTORAGE, HOLDFAST, Operation

_ILLEGAL = "IllegalArgumentException"
_UNAVAILABLE = "ServiceUnavailableException"

_STORAGE: Mapping[type[HoldfastError], tuple[str, ...]] = {
    CallerError: (_ILLEGAL,),
    # What PutChunk, PutObject and NotifyObjectComplete do not find was named by one of their arguments.
    NotFound: ("ResourceNotFoundException", _ILLEGAL),
    AlreadyExists: ("DataAlreadyExistsException", _ILLEGAL),
    # Not modelled for PutChunk and NotifyObjectComplete either, but only this one carries the stored checksum.
    DataExists: ("DataAlreadyExistsException",),
    Denied: ("AccessDeniedException",),
    UnreadableBody: ("NotReadableInputStreamException", _ILLEGAL),
    UnusableKey: ("KMSInvalidKeyUsageException", _ILLEGAL),
    Throttled: ("ThrottlingException", _UNAVAILABLE),
    ServiceError: ("ServiceInternalException",),
    Transient: ("RetryableException",),
    Unavailable: (_UNAVAILABLE, "RetryableException"),
}
_BACKUP: Mapping[type[HoldfastError], tuple[str, ...]] = {
    CallerError: ("InvalidRequestException",),
    InvalidInput: ("InvalidParameterValueException",),
    MissingInput: ("MissingParameterValueException", "InvalidParameterValueException"),
    InvalidState: ("InvalidRequestException", "InvalidParameterValueException"),
    NotFound: ("ResourceNotFoundException", "InvalidParameterValueException"),
    AlreadyExists: ("AlreadyExistsException", "InvalidRequestException"),
    LimitExceeded: ("LimitExceededException", "InvalidRequestException"),
    Denied: ("AccessDeniedException",),
    Throttled: ("ThrottlingException",),
    ServiceError: (_UNAVAILABLE,),
}
_CODES = {BACKUPSTORAGE: _STORAGE, HOLDFAST: _STORAGE, BACKUP: _BACKUP}

_STORAGE_STATUS = {
    "AccessDeniedException": 403,
    "ResourceNotFoundException": 404,
    "ThrottlingException": 429,
    "RetryableException": 500,
    "ServiceInternalException": 500,
    _UNAVAILABLE: 503,
}
# AWS Backup's model gives no statuses: 400, and 500 for what it calls faults.
_BACKUP_STATUS = {"AccessDeniedException": 403, "ThrottlingException": 429, _UNAVAILABLE: 500}
_STATUS = {BACKUPSTORAGE: _STORAGE_STATUS, HOLDFAST: _STORAGE_STATUS, BACKUP: _BACKUP_STATUS}

DISK_FULL = "DiskFull"
DAMAGED = "Damaged"
_OURS = "the service failed on this request; its log has the details under the request id"
_RETRY_AFTER_MS_DEFAULT = 1000


def fault(operation: Operation | None, error: Exception, *, signing_name: str | None = None) -> Response:
    """The response that makes an SDK raise the exception that fits `error`.

    `operation` is None before routing; `signing_name`, if known, then tells the two AWS services apart. An error that
    is not of our tree is answered as an internal one and tells the caller nothing of itself.
    """
    service = operation.service if operation else BACKUP if signing_name == BACKUP else BACKUPSTORAGE
    code = _code(service, operation, error)
    status = _STATUS[service].get(code, 400)
    body = {"__type": code, "Message": _message(error), **_members(error)}
    headers = [(b"content-type", b"application/json"), (b"x-amzn-errortype", code.encode("ascii"))]
    if status >= 500 or status == 429:
        headers += _retry_headers(getattr(error, "retry_after_ms", _RETRY_AFTER_MS_DEFAULT))
    return Response(status, tuple(headers), msgspec.json.encode(body))


def _code(service: str, operation: Operation | None, error: Exception) -> str:
    codes = _CODES[service]
    row = next((codes[kind] for kind in type(error).__mro__ if kind in codes), codes[ServiceError])
    modelled = operation.errors if operation else frozenset(row)
    return next((code for code in row if code in modelled), row[0])


def _message(error: Exception) -> str:
    if not isinstance(error, HoldfastError):
        return _OURS
    # A lone surrogate from a file name must not turn an answer into a crash.
    return error.message.encode("utf-8", "backslashreplace").decode("utf-8")


def _members(error: Exception) -> dict[str, str]:
    if isinstance(error, DataExists):
        return {"Checksum": error.checksum, "ChecksumAlgorithm": error.checksum_algorithm}
    if isinstance(error, AlreadyExists) and error.arn is not None:
        return {"Arn": error.arn}
    if isinstance(error, DiskFull):
        # Beside what the model lists: our agent gives up what does not fit, others ignore it.
        return {"Reason": DISK_FULL}
    if isinstance(error, Damaged):
        # Likewise: asking again would not help, and a restore of much that is damaged asks for each object.
        return {"Reason": DAMAGED}
    return {}


def _retry_headers(milliseconds: int) -> list[tuple[bytes, bytes]]:
    seconds = max(1, math.ceil(milliseconds / 1000))
    return [(b"retry-after", str(seconds).encode()), (b"x-amz-retry-after", str(milliseconds).encode())]
