"""Keys and signatures of SigV4: AWS4-HMAC-SHA256, the only algorithm that is spoken here."""

import hashlib
import hmac
from functools import lru_cache

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


@lru_cache(maxsize=128)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The key of one secret for one day (`YYYYMMDD`), region and service: 32 bytes.

    The last 128 keys are remembered: a deployment has a handful of callers, and a stranger who varies the region of a
    forged request only costs himself the four HMACs.
    """
    key = b"AWS4" + secret.encode("utf-8")
    for part in (date, region, service, TERMINATOR):
        key = hmac.digest(key, part.encode("utf-8"), "sha256")
    return key


def string_to_sign(timestamp: bytes, scope: bytes, canonical_request: bytes) -> bytes:
    """What the signing key signs; `timestamp` is `YYYYMMDDTHHMMSSZ`, `scope` is `date/region/service/aws4_request`."""
    return b"\n".join(
        (b"AWS4-HMAC-SHA256", timestamp, scope, hashlib.sha256(canonical_request).hexdigest().encode("ascii"))
    )


def signature(key: bytes, to_sign: bytes) -> str:
    """The signature, 64 lower-case hex digits."""
    return hmac.digest(key, to_sign, "sha256").hex()
