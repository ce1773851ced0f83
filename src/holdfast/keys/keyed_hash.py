"""HMAC-SHA256 under one key, many times over.

A small object costs five HMACs on its way in. `hmac.digest` sets its key up anew for each (2 us) and lets go of the
interpreter lock meanwhile, which under load costs far more than it takes. Here the two states of RFC 2104 that depend
on the key alone are made once and copied: 0.8 us, and the lock is kept.
"""

import hashlib

_BLOCK_BYTES = 64


class KeyedHash:
    """Immutable, safe for many threads. The key must not be longer than a block of SHA-256 (64 bytes)."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        assert len(key) <= _BLOCK_BYTES
        block = key.ljust(_BLOCK_BYTES, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def digest(self, message: bytes) -> bytes:
        """HMAC-SHA256 of `message`, 32 bytes."""
        inner = self._inner.copy()
        inner.update(message)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()
