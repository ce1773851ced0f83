"""Opaque, authenticated handles: UploadId, ObjectToken, ChunkToken, NextToken (contract 3.9).

A token is base64url(payload + MAC). The MAC (HMAC-SHA256, 16 bytes) covers kind, job and payload: a token serves
only the job and the purpose it was made for; the payload means nothing to anyone else. A token never is a hash of data.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from enum import IntEnum

from holdfast.model.errors import InvalidInput
from holdfast.model.limits import TOKEN_BYTES_MAX

_MAC_BYTES = 16


class TokenKind(IntEnum):
    """What a token is good for; a token of one kind is refused as any other."""

    UPLOAD = 1
    OBJECT = 2
    CHUNK = 3
    OBJECT_PAGE = 4
    CHUNK_PAGE = 5
    CONTROL_PAGE = 6
    SCAN_PAGE = 7


class TokenMint:
    """Makes and opens tokens with one secret key (32 bytes)."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, kind: TokenKind, scope: str, payload: bytes) -> str:
        """A token for `payload`, bound to `kind` and `scope` (a job id, or the name of a listing)."""
        mac = self._mac(kind, scope, payload)
        return base64.urlsafe_b64encode(payload + mac).rstrip(b"=").decode("ascii")

    def open(self, kind: TokenKind, scope: str, text: str, parameter: str) -> bytes:
        """The payload. Raises InvalidInput, naming `parameter`, if the token was not issued for this kind and scope."""
        if len(text) > TOKEN_BYTES_MAX:
            raise _refused(text, parameter)
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as malformed:
            raise _refused(text, parameter) from malformed
        payload, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(kind, scope, payload)):
            raise _refused(text, parameter)
        return payload

    def _mac(self, kind: TokenKind, scope: str, payload: bytes) -> bytes:
        scope_bytes = scope.encode("utf-8", "surrogatepass")
        head = struct.pack(">BH", kind, len(scope_bytes))
        return hmac.digest(self._key, head + scope_bytes + payload, hashlib.sha256)[:_MAC_BYTES]


def _refused(text: str, parameter: str) -> InvalidInput:
    return InvalidInput(
        f"{parameter} {text[:40]!r} was not issued by this service for this job; use one that it returned"
    )
