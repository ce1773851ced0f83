"""A root key in the memory of this process: it wraps, unwraps and derives.

Wrapping, deriving and the id use keys of their own, so that no use of the one says anything about the other. What is
always true here: the root key is made once, when the place that is to hold it holds nothing at all, and its file is
whole and durable before the key is used. If wrapped keys lie beside a missing root key, no new one is made: it could
not open them, and would hide that the old one must be found.
"""

import os
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from holdfast.keys import root_file
from holdfast.keys.port import ROOT_ID_BYTES, RootKeyFile
from holdfast.keys.protection import PLAIN, Protection
from holdfast.keys.root_file import ROOT_KEY_BYTES
from holdfast.model.errors import NotFound, UnusableKey

ROOT_KEY_NAME = "root.key"

_NONCE_BYTES = 12


class LocalKeyProvider:
    """KeyProvider over a root key (32 bytes) in memory. `open` finds or makes the file."""

    def __init__(self, root_key: bytes, *, random: Callable[[int], bytes] = os.urandom) -> None:
        if len(root_key) != ROOT_KEY_BYTES:
            raise UnusableKey(f"the root key has {len(root_key)} bytes: it must have {ROOT_KEY_BYTES}")
        self._random = random
        self._root_key = root_key
        self._wrapping = AESGCM(self._expand(b"holdfast wrap 1"))
        self._root_id = self._expand(b"holdfast id 1")[:ROOT_ID_BYTES]

    @classmethod
    def open(
        cls, place: RootKeyFile, protection: Protection = PLAIN, *, random: Callable[[int], bytes] = os.urandom
    ) -> "LocalKeyProvider":
        """The provider whose root key is `root.key` in `place`; made there, protected so, on first use. UnusableKey."""
        try:
            text = place.get(ROOT_KEY_NAME)
        except NotFound as missing:
            others = next(place.list(""), None)
            if others is not None:
                raise UnusableKey(
                    f"{ROOT_KEY_NAME} is missing, and what it protects is there ({others}): put the saved root key"
                    " back, or import a recovery bundle with 'holdfast key import'; without it this store cannot be"
                    " read"
                ) from missing
            key = random(ROOT_KEY_BYTES)
            place.put(ROOT_KEY_NAME, root_file.encode(protection.seal(key)))
            return cls(key, random=random)
        # Whoever made it may have been killed before its name was durable: nothing may be wrapped by it before that.
        place.settle(ROOT_KEY_NAME)
        return cls(protection.open(root_file.decode(text)), random=random)

    @property
    def root_id(self) -> bytes:
        return self._root_id

    def require_usable(self) -> None:
        """A key of this machine's own is always allowed."""

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

    def seal_root(self, protection: Protection) -> bytes:
        """The bytes of a `root.key` that holds this root key under `protection`, and are shown to open again."""
        text = root_file.encode(protection.seal(self._root_key))
        if protection.open(root_file.decode(text)) != self._root_key:
            raise UnusableKey("the root key does not come back from under its new protection: nothing was changed")
        return text

    def _expand(self, info: bytes) -> bytes:
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(self._root_key)
