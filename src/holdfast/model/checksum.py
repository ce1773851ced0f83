"""SHA-256 of a chunk and SUMMARY of an object (contract 3.1).

`SHA256` is the base64 of the 32 raw bytes; `SUMMARY` is the base64 of SHA-256 over the raw chunk digests in ascending
chunk index; of no chunks, SHA-256 of nothing.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable

from holdfast.model.errors import InvalidInput

SHA256 = "SHA256"
SUMMARY = "SUMMARY"
DIGEST_BYTES = 32


def digest(data: bytes | bytearray | memoryview) -> bytes:
    """SHA-256 of a chunk: 32 raw bytes. Releases the GIL on long input."""
    return hashlib.sha256(data).digest()


def summary(digests: Iterable[bytes]) -> bytes:
    """SUMMARY digest (32 raw bytes) of chunk digests given in ascending chunk index."""
    whole = hashlib.sha256()
    for one in digests:
        whole.update(one)
    return whole.digest()


def encode(raw: bytes) -> str:
    """The wire form of a digest."""
    return base64.b64encode(raw).decode("ascii")


def decode(text: str, parameter: str) -> bytes:
    """The raw digest of a wire form. Raises InvalidInput, naming `parameter`, unless it is base64 of 32 bytes."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != DIGEST_BYTES:
        raise InvalidInput(
            f"{parameter} is {text[:80]!r}: it must be the base64 of a 32-byte SHA-256 digest (44 characters)"
        )
    return raw
