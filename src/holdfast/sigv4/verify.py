"""Is this request signed by that secret, recently, and over everything that matters?

What always holds: a request that passes has exactly one Authorization header, is dated within the clock window, and has
`host`, its date and every `x-amz-*` header among the signed ones. A header that could change a request's meaning
without being signed does not pass. All checks that need no secret come before the one that does, so that a stranger
learns nothing about which access keys exist.
"""

import hmac
import re

from holdfast.model.errors import Denied
from holdfast.sigv4 import canonical, signature, timestamp
from holdfast.sigv4.authorization import Credential, parse_authorization
from holdfast.wire.message import RequestHead

__all__ = ["Credential", "parse_authorization", "payload_hash_declared", "verify"]

_SHA256 = re.compile(rb"[0-9a-f]{64}")
_CONTENT_SHA256 = b"x-amz-content-sha256"

REFUSED = (
    "the access key is unknown or the signature does not match: check the access key id and the secret, and that"
    " nothing between client and server changes the method, the path, the query or the signed headers"
)
"""One text for an unknown key and for a wrong signature; which of the two it was stays with us."""


def payload_hash_declared(head: RequestHead) -> str | None:
    """What x-amz-content-sha256 says: 64 lower-case hex digits, `UNSIGNED-PAYLOAD`, or None where it is absent.

    Raises Denied for anything else, signed streams (`STREAMING-...`) included.
    """
    values = head.header_values(_CONTENT_SHA256)
    if not values:
        return None
    if len(values) > 1:
        raise Denied(f"the request has {len(values)} x-amz-content-sha256 headers: send at most one")
    value = values[0]
    if value == b"UNSIGNED-PAYLOAD":
        return signature.UNSIGNED_PAYLOAD
    if not _SHA256.fullmatch(value):
        shown = value[:60].decode("ascii", "backslashreplace")
        raise Denied(
            f"x-amz-content-sha256 is {shown!r}: it must be the body's SHA-256 in lower-case hex, or UNSIGNED-PAYLOAD"
        )
    return value.decode("ascii")


def verify(head: RequestHead, credential: Credential, secret: str, payload_hash: str, now_us: int) -> None:
    """Return if `head` was signed with `secret` over `payload_hash`; raise Denied, saying what to do, if it was not.

    `payload_hash` is what the header declares, else the hex SHA-256 of the body; `now_us` is microseconds since 1970.
    """
    dated_by, seconds = timestamp.signed_at(head)
    timestamp.check_skew(seconds, now_us)
    text = timestamp.text_of(seconds)
    if not text.startswith(credential.date.encode("ascii")):
        raise Denied(
            f"the credential is for the day {credential.date} and the request was signed at {text.decode('ascii')}:"
            " both must be of the same day (UTC)"
        )
    signed = credential.signed_headers
    _check_signed(head, frozenset(signed), dated_by)
    block = canonical.header_block(head.headers, signed)
    if block is None:
        present = {name for name, _ in head.headers}
        missing = b", ".join(name for name in signed if name not in present).decode("ascii")
        raise Denied(f"SignedHeaders names {missing[:200]}, which the request does not have")
    key = signature.signing_key(secret, credential.date, credential.region, credential.service)
    scope = f"{credential.date}/{credential.region}/{credential.service}/{signature.TERMINATOR}".encode("ascii")
    if not _matches(
        head, block, b";".join(signed), payload_hash.encode("ascii"), key, text, scope, credential.signature
    ):
        raise Denied(REFUSED)


def _matches(
    head: RequestHead,
    block: bytes,
    signed: bytes,
    payload: bytes,
    key: bytes,
    timestamp_text: bytes,
    scope: bytes,
    claimed: str,
) -> bool:
    method = head.method.encode("utf-8", "surrogatepass")
    queries = list(canonical.query_candidates(head.raw_query))
    for path in canonical.path_candidates(head.raw_path):
        for query in queries:
            request = canonical.canonical_request(method, path, query, block, signed, payload)
            to_sign = signature.string_to_sign(timestamp_text, scope, request)
            if hmac.compare_digest(signature.signature(key, to_sign), claimed):
                return True
    return False


def _check_signed(head: RequestHead, signed: frozenset[bytes], dated_by: bytes) -> None:
    for required in (b"host", dated_by):
        if required not in signed:
            raise Denied(f"the header {required.decode('ascii')} is not signed: name it in SignedHeaders")
    hosts = 0
    for name, _ in head.headers:
        if name.startswith(b"x-amz-") and name not in signed:
            shown = name[:60].decode("ascii", "backslashreplace")
            raise Denied(f"the header {shown} is not signed: every x-amz-* header must be in SignedHeaders")
        hosts += name == b"host"
    if hosts > 1:
        raise Denied(f"the request has {hosts} host headers: send exactly one")
