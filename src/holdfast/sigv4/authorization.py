"""The Authorization header of SigV4, taken apart.

Nothing here trusts what it reads: every field has a closed alphabet, and what does not fit is refused with the reason.
What costs work is counted before the work is done: its sender has proved nothing yet.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from holdfast.model.errors import Denied, InvalidInput
from holdfast.model.limits import QUERY_PAIRS_MAX, SIGNED_HEADERS_MAX
from holdfast.sigv4.signature import ALGORITHM, TERMINATOR
from holdfast.wire.message import RequestHead

_FIELD = re.compile(r" *(Credential|SignedHeaders|Signature)=([!-+\--~]+) *")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")
_DATE = re.compile(r"[0-9]{8}")
_SCOPE_WORD = re.compile(r"[A-Za-z0-9_\-]{1,64}")
_ACCESS_KEY_ID = re.compile(r"[A-Za-z0-9_\-.+=@:]{1,128}")
_SIGNED_HEADERS = re.compile(r"[a-z0-9!#$%&'*+\-.^_`|~]+(?:;[a-z0-9!#$%&'*+\-.^_`|~]+)*")
_PREFIX = ALGORITHM + " "
_USUAL_NAMES_BYTES_MAX = 512
# What every SDK sends, recognised in one step; all else takes the slow way, which finds the words for what is wrong.
_USUAL = re.compile(
    rf"{_PREFIX}Credential=({_ACCESS_KEY_ID.pattern})/({_DATE.pattern})/({_SCOPE_WORD.pattern})/({_SCOPE_WORD.pattern})"
    rf"/{TERMINATOR}, ?SignedHeaders=({_SIGNED_HEADERS.pattern}), ?Signature=({_SIGNATURE.pattern})"
)
_REMEDY = f"send '{ALGORITHM} Credential=KEY/DATE/REGION/SERVICE/{TERMINATOR}, SignedHeaders=..., Signature=...'"


@dataclass(frozen=True, slots=True)
class Credential:
    """Who claims to have signed, for when, where and what, and over which headers. Nothing of it is proved yet."""

    access_key_id: str
    date: str
    """`YYYYMMDD`."""
    region: str
    service: str
    signed_headers: tuple[bytes, ...]
    """Lower case, sorted, without duplicates."""
    signature: str
    """64 lower-case hex digits."""


def parse_authorization(head: RequestHead) -> Credential:
    """The credential of a request's one Authorization header.

    Raises Denied, saying what is missing or malformed, or InvalidInput for more of something than is taken.
    """
    pairs = head.raw_query.count(b"&") + 1
    if pairs > QUERY_PAIRS_MAX:
        raise InvalidInput(f"the query has {pairs} parameters: send at most {QUERY_PAIRS_MAX}")
    authorizations = head.header_values(b"authorization")
    presigned = _is_presigned(head.raw_query)
    if not authorizations:
        if presigned:
            raise Denied("the request is presigned (X-Amz-* in the query): sign with the Authorization header instead")
        raise Denied(f"the request has no Authorization header: {_REMEDY}")
    if len(authorizations) > 1:
        raise Denied(f"the request has {len(authorizations)} Authorization headers: send exactly one")
    if presigned:
        raise Denied("the request has an Authorization header and X-Amz-* signing parameters in the query: send one")
    try:
        text = authorizations[0].decode("ascii")
    except UnicodeDecodeError as garbage:
        raise Denied(f"the Authorization header has bytes outside ASCII: {_REMEDY}") from garbage
    if not text.startswith(_PREFIX):
        raise Denied(f"the Authorization header does not begin with {ALGORITHM}: {_REMEDY}")
    usual = _USUAL.fullmatch(text)
    if usual is not None:
        access_key_id, date, region, service, names, proof = usual.groups()
        return Credential(access_key_id, date, region, service, _signed_headers(names), proof)
    return _credential(_fields(text.removeprefix(_PREFIX)))


def _is_presigned(raw_query: bytes) -> bool:
    if b"x-amz-" not in raw_query.lower():
        return False
    names = [pair.partition(b"=")[0].lower() for pair in raw_query.split(b"&")]
    return any(name in (b"x-amz-signature", b"x-amz-credential", b"x-amz-algorithm") for name in names)


def _fields(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for part in text.split(","):
        field = _FIELD.fullmatch(part)
        if field is None:
            raise Denied(f"the Authorization header has {part[:40]!r} where a field belongs: {_REMEDY}")
        name, value = field.groups()
        if name in fields:
            raise Denied(f"the Authorization header has {name} twice: {_REMEDY}")
        fields[name] = value
    if len(fields) != 3:
        missing = ", ".join(name for name in ("Credential", "SignedHeaders", "Signature") if name not in fields)
        raise Denied(f"the Authorization header lacks {missing}: {_REMEDY}")
    return fields


def _credential(fields: dict[str, str]) -> Credential:
    parts = fields["Credential"].rsplit("/", 4)
    if len(parts) != 5:
        raise Denied(f"Credential has {len(parts)} of 5 parts: {_REMEDY}")
    access_key_id, date, region, service, terminator = parts
    if terminator != TERMINATOR:
        raise Denied(f"Credential ends in {terminator[:40]!r}: it must end in {TERMINATOR}")
    if not _DATE.fullmatch(date):
        raise Denied(f"the date in Credential is {date[:40]!r}: it must be YYYYMMDD")
    if not (
        _ACCESS_KEY_ID.fullmatch(access_key_id) and _SCOPE_WORD.fullmatch(region) and _SCOPE_WORD.fullmatch(service)
    ):
        raise Denied(f"Credential has a malformed access key, region or service: {_REMEDY}")
    if not _SIGNATURE.fullmatch(fields["Signature"]):
        raise Denied("Signature is malformed: it must be 64 lower-case hex digits")
    return Credential(
        access_key_id, date, region, service, _signed_headers(fields["SignedHeaders"]), fields["Signature"]
    )


def _signed_headers(text: str) -> tuple[bytes, ...]:
    # Only usual lengths are remembered: what strangers send must not stay.
    return _usual_signed_headers(text) if len(text) <= _USUAL_NAMES_BYTES_MAX else _split_signed_headers(text)


def _split_signed_headers(text: str) -> tuple[bytes, ...]:
    count = text.count(";") + 1
    if count > SIGNED_HEADERS_MAX:
        raise InvalidInput(f"SignedHeaders names {count} headers: sign at most {SIGNED_HEADERS_MAX}")
    if not _SIGNED_HEADERS.fullmatch(text):
        raise Denied("SignedHeaders is malformed: it must be lower-case header names joined with ';'")
    names = text.encode("ascii").split(b";")
    if sorted(set(names)) != names:
        raise Denied("SignedHeaders must be in alphabetical order and name each header once")
    return tuple(names)


_usual_signed_headers = lru_cache(maxsize=64)(_split_signed_headers)
