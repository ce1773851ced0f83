"""A root key in a file of this machine.

What is always true here: the key is made once, when the place that is to hold it holds nothing at all, and the file
is whole and durable before the key is used. If wrapped keys lie beside a missing root key, no new one is made: it
could not open them, and would hide that the old one must be found.
"""

import os
import zlib
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from holdfast.keys.port import KeyRecords
from holdfast.model.errors import NotFound, UnusableKey

ROOT_KEY_NAME = "root.key"
ROOT_KEY_BYTES = 32

_LABEL = "holdfast-root-key-1"
_NONCE_BYTES = 12


class LocalKeyProvider:
    """KeyProvider over a root key (32 bytes) in memory. `open` finds or makes the file."""

    def __init__(self, root_key: bytes, *, random: Callable[[int], bytes] = os.urandom) -> None:
        if len(root_key) != ROOT_KEY_BYTES:
            raise UnusableKey(f"the root key has {len(root_key)} bytes: it must have {ROOT_KEY_BYTES}")
        self._random = random
        # Wrapping and deriving use keys of their own, so that no use of the one says anything about the other.
        self._root_key = root_key
        self._wrapping = AESGCM(self._expand(b"holdfast wrap 1"))

    @classmethod
    def open(cls, records: KeyRecords, *, random: Callable[[int], bytes] = os.urandom) -> "LocalKeyProvider":
        """The provider whose root key is `root.key` in `records`; made there on first use. UnusableKey."""
        try:
            text = records.get(ROOT_KEY_NAME)
        except NotFound as missing:
            others = next(records.list(""), None)
            if others is not None:
                raise UnusableKey(
                    f"{ROOT_KEY_NAME} is missing, and keys wrapped by it are there ({others}):"
                    " put the saved root key back; without it this store cannot be read"
                ) from missing
            key = random(ROOT_KEY_BYTES)
            records.put(ROOT_KEY_NAME, _encode(key))
            return cls(key, random=random)
        return cls(_decode(text), random=random)

    def wrap(self, key: bytes, context: bytes) -> bytes:
        # A random nonce is safe for 2^32 wraps under one root key; there is one wrap per vault and rotation.
        nonce = self._random(_NONCE_BYTES)
        return nonce + self._wrapping.encrypt(nonce, key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        try:
            return self._wrapping.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], context)
        except (InvalidTag, ValueError) as refused:
            raise UnusableKey(
                "a wrapped key does not open: it is damaged, or it was wrapped under another root key;"
                " put the root key back that this store was made with"
            ) from refused

    def derive(self, purpose: bytes) -> bytes:
        return self._expand(b"holdfast derive 1 " + purpose)

    def _expand(self, info: bytes) -> bytes:
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(self._root_key)


def _encode(key: bytes) -> bytes:
    """One line of text, so that it can be printed and typed back: label, key in hex, CRC-32 of the key in hex."""
    return f"{_LABEL} {key.hex()} {zlib.crc32(key):08x}\n".encode("ascii")


def _decode(text: bytes) -> bytes:
    try:
        label, key_hex, checksum_hex = text.decode("ascii").split()
        key = bytes.fromhex(key_hex)
        intact = label == _LABEL and int(checksum_hex, 16) == zlib.crc32(key) and len(key) == ROOT_KEY_BYTES
    except ValueError:
        key, intact = b"", False
    if not intact:
        raise UnusableKey(f"{ROOT_KEY_NAME} is not a root key of this version, or damaged: put the saved one back")
    return key
