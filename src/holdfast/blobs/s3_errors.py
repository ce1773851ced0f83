"""What a bucket's failure means: the one table from S3's codes, HTTP's statuses and broken connections to our errors.

It reads the text of the client library's exceptions, which holds the status and the store's answer. Nothing of that
text reaches a message but the code, the store's own sentence and the system's word for a broken connection: some stores
answer a wrong signature by repeating the request's headers, a session token among them.
"""

import enum
import re
from dataclasses import dataclass

from holdfast.blobs.s3_options import S3Options
from holdfast.model.errors import DiskFull, HoldfastError, NotFound, Unavailable


class Kind(enum.Enum):
    """What can be done about it."""

    MISSING = enum.auto()
    """The bucket is there, the blob is not."""
    TAKEN = enum.auto()
    """The name holds something already."""
    PAST_END = enum.auto()
    """The range begins where the blob has ended."""
    PASSING = enum.auto()
    """Trying again may help."""
    LASTING = enum.auto()
    """Somebody must do something first."""
    FULL = enum.auto()
    """A quota is used up."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why one attempt failed."""

    kind: Kind
    words: str
    """What the store or the system said, and the remedy where one is known."""
    in_doubt: bool = False
    """The store may have done it nevertheless, or may do it yet."""


class OddAnswer(Exception):
    """An answer that an object store does not give: too short, or not what was asked for. Stays within blobs/."""


_LASTING = {
    "InvalidAccessKeyId": "it does not know the access key: see s3_access_key_id",
    "SignatureDoesNotMatch": "the secret does not belong to the access key: see s3_secret_access_key",
    "InvalidToken": "it does not accept the session token: get new credentials",
    "ExpiredToken": "the session token has expired: get new credentials",
    "NoSuchBucket": "there is no such bucket: make it, or correct the option blobs",
    "InvalidBucketName": "it has no bucket of such a name: correct the option blobs",
    "AccessDenied": "the access key may not do this: let it get, put and delete objects of that bucket, and list it",
    "AllAccessDisabled": "the owner of the store has closed the bucket",
    "UserSuspended": "the owner of the store has suspended the access key's user",
    "RequestTimeTooSkewed": "the clocks of this machine and of the store are too far apart: set this machine's clock",
    "RequestExpired": "the clocks of this machine and of the store are too far apart: set this machine's clock",
    "AuthorizationHeaderMalformed": "the bucket is in another region: see s3_region",
    "IllegalLocationConstraintException": "the bucket is in another region: see s3_region",
    "PermanentRedirect": "the bucket is in another region or at another endpoint: see s3_region and s3_endpoint",
    "EntityTooLarge": "it does not take objects of that size: choose smaller groups and packs",
    "NotImplemented": "it cannot do this: it needs conditional writes (If-None-Match), ranges and ListObjectsV2",
}
_PASSING = {
    "SlowDown": "it asks for fewer requests",
    "Throttling": "it asks for fewer requests",
    "TooManyRequests": "it asks for fewer requests",
    "ServiceUnavailable": "it is busy or out of order",
    "InternalError": "it failed within",
    "RequestTimeout": "the request did not arrive in time",
    "IncompleteBody": "the request arrived cut short",
    "BadDigest": "the request arrived altered",
    "XAmzContentSHA256Mismatch": "the request arrived altered",
    "OperationAborted": "somebody else is changing the same object",
    "ConditionalRequestConflict": "somebody else is changing the same object",
}
_FULL = {
    "QuotaExceeded": "the quota is used up: raise it, or delete recovery points and run `holdfast gc`",
    "InsufficientStorage": "it has no room left: add some, or delete recovery points and run `holdfast gc`",
    "XMinioStorageFull": "it has no room left: add some, or delete recovery points and run `holdfast gc`",
}
_NO_CREDENTIALS = (
    "no credentials were found in the options, the environment or this machine's role: set s3_access_key_id and"
    " s3_secret_access_key"
)
_SENTENCE_CHARACTERS_MAX = 200


def understand(error: Exception, options: S3Options) -> Trouble:
    """Why an attempt failed that raised `error`."""
    if isinstance(error, OddAnswer):
        return Trouble(Kind.PASSING, f"it {error}: is something else listening there?", in_doubt=True)
    text = str(error)
    summary = text.partition("\n\nDebug source")[0]
    if options.access_key_id is None and _is_about_credentials(summary, options):
        return Trouble(Kind.LASTING, _NO_CREDENTIALS)
    status = re.search(r"status code: (\d{3})", summary)
    if status:
        return _answered(int(status[1]), _element("Code", summary), _element("Message", summary))
    if "redirect without LOCATION" in summary:
        return Trouble(Kind.LASTING, f"{_LASTING['PermanentRedirect']} (PermanentRedirect)")
    if "HTTP error" in summary:
        return _unanswered(text, options)
    # What the library could not read, or did not expect, of an answer that says it is a good one.
    return Trouble(Kind.PASSING, "it answered what no object store answers: is something else listening there?", True)


def as_error(trouble: Trouble, doing: str, options: S3Options) -> HoldfastError:
    """What those above the door are told; `doing` is a verb phrase."""
    if trouble.kind is Kind.MISSING:
        return NotFound(f"cannot {doing}: there is no such blob in {options.place}")
    fault = DiskFull if trouble.kind is Kind.FULL else Unavailable
    return fault(_without_secrets(f"cannot {doing} in {options.place}: {trouble.words}", options))


def _answered(status: int, code: str, sentence: str) -> Trouble:
    said = " ".join(word for word in (str(status), code) if word) + (f": {sentence}" if sentence else "")
    # A 404 of something in between must not pass for a blob that is gone, so the store has to say it in its own word.
    kinds = {412: Kind.TAKEN, 416: Kind.PAST_END}
    if (status, code) == (404, "NoSuchKey") or status in kinds:
        return Trouble(kinds.get(status, Kind.MISSING), said)
    if code in _FULL or status == 507:
        return Trouble(Kind.FULL, f"{_FULL.get(code, _FULL['InsufficientStorage'])} ({said})")
    if code in _LASTING or status == 501:
        return Trouble(Kind.LASTING, f"{_LASTING.get(code, _LASTING['NotImplemented'])} ({said})")
    if code in _PASSING or status in (404, 408, 409, 429) or status >= 500:
        words = _PASSING.get(code, "it cannot serve now")
        return Trouble(Kind.PASSING, f"{words} ({said})", in_doubt=status >= 500)
    if status in (401, 403):
        return Trouble(Kind.LASTING, f"{_LASTING['AccessDenied']} ({said})")
    return Trouble(Kind.LASTING, f"the store refuses it ({said})")


def _unanswered(text: str, options: S3Options) -> Trouble:
    found = re.search(r"HttpError \{\s*kind: (\w+)", text)
    kind = found[1] if found else "Unknown"
    reasons = re.findall(r'message: "([^"]*)"', text) or re.findall(r'(?:error|Error)[:(]\s*"([^"]*)"', text)
    reason = reasons[-1][:_SENTENCE_CHARACTERS_MAX] if reasons else ""
    if "certificate" in text or "InvalidCertificate" in text:
        return Trouble(Kind.LASTING, "its certificate is not trusted: add its authority to this machine's")
    if kind == "Timeout":
        words = f"it fell silent for {options.stall_seconds:g} s or more: is it overloaded or cut off?"
    elif kind == "Connect" and "dns error" in text:
        words = "its host name cannot be resolved: see s3_endpoint"
    elif kind == "Connect":
        words = f"it cannot be reached ({reason or 'no connection'}): see s3_endpoint"
    else:
        words = f"the connection broke ({reason or 'closed by the other side'})"
    return Trouble(Kind.PASSING, words, in_doubt=kind != "Connect")


def _is_about_credentials(summary: str, options: S3Options) -> bool:
    """Whether the request that failed was one for credentials: its URL is not that of our bucket."""
    asked = re.search(r"performing [A-Z]+ (\S+) in ", summary)
    return asked is not None and options.bucket not in asked[1]


def _element(name: str, summary: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>", summary)
    printable = "".join(character for character in found[1] if character.isprintable()) if found else ""
    return printable.strip()[:_SENTENCE_CHARACTERS_MAX]


def _without_secrets(message: str, options: S3Options) -> str:
    for secret in (options.secret_access_key, options.session_token):
        if secret:
            message = message.replace(secret, "(secret)")
    return message
