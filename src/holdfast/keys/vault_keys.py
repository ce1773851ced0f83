"""The keys of one vault, opened, and everything that is done with them on the way of a chunk.

Three independent keys, one purpose each: the id key names chunks, the seal key hides digests, the frame keys (one
more at each rotation) encrypt. What is always true here: no key leaves this object; what leaves is derived.
"""

from collections.abc import Callable, Mapping

from holdfast.keys.keyed_hash import KeyedHash
from holdfast.model.errors import UnusableKey

KEY_BYTES = 32
UID_BYTES = 16


class VaultKeys:
    """Safe for many threads; only frame keys are ever added. Each call costs about 1 us (one HMAC)."""

    __slots__ = ("_frame_keys", "_id_key", "_look_again", "_seal_key", "frame_key_number", "vault_uid")

    def __init__(
        self,
        vault_uid: bytes,
        id_key: bytes,
        seal_key: bytes,
        frame_keys: Mapping[int, bytes],
        look_again: "Callable[[VaultKeys], None] | None" = None,
    ) -> None:
        """`look_again` adds what frame keys there are by now; called for a number that is not known."""
        self.vault_uid = vault_uid
        self._look_again = look_again
        self._id_key = KeyedHash(id_key)
        self._seal_key = KeyedHash(seal_key)
        self._frame_keys = {number: KeyedHash(key) for number, key in frame_keys.items()}
        self.frame_key_number = max(self._frame_keys)
        """The number of the frame key that new frames are sealed with: the latest."""

    def add_frame_key(self, number: int, key: bytes) -> None:
        """A new frame key (32 bytes), durable already: frames are sealed with it from here on."""
        self._frame_keys[number] = KeyedHash(key)
        # Last: whoever reads the number finds its key.
        self.frame_key_number = max(number, self.frame_key_number)

    def has_frame_key(self, number: int) -> bool:
        """Whether the frame key of that number is here."""
        return number in self._frame_keys

    def chunk_id(self, digest: bytes) -> bytes:
        """The name of the chunk with this SHA-256 (32 bytes) inside this vault: 32 bytes that hide the digest."""
        return self._id_key.digest(digest)

    def frame_key(self, number: int, salt: bytes) -> bytes:
        """The AES-256 key of the one frame that has `salt` (32 random bytes) under frame key `number`. UnusableKey."""
        if number not in self._frame_keys and self._look_again is not None:
            self._look_again(self)
        try:
            key = self._frame_keys[number]
        except KeyError as unknown:
            raise UnusableKey(
                f"frame key {number} of vault {self.vault_uid.hex()} is not on the key ring, which holds"
                f" {sorted(self._frame_keys)}: its record is missing or damaged; restore it from a copy or a recovery"
                " bundle"
            ) from unknown
        return key.digest(salt)

    def seal_digest(self, label: bytes, digest: bytes) -> bytes:
        """`digest` (32 bytes) hidden for storage in the catalog; 32 bytes.

        A one-time pad from HMAC(seal key, label): the same label must never be used for two different digests, or their
        difference shows. Label it with what already is the digest's own name, such as its chunk id.
        """
        pad = self._seal_key.digest(label)
        return (int.from_bytes(pad, "big") ^ int.from_bytes(digest, "big")).to_bytes(KEY_BYTES, "big")

    def open_digest(self, label: bytes, sealed: bytes) -> bytes:
        """What `seal_digest` hid under `label`. Says nothing about whether `sealed` was altered."""
        return self.seal_digest(label, sealed)

    def __repr__(self) -> str:
        return f"VaultKeys({self.vault_uid.hex()}, frame keys {sorted(self._frame_keys)})"
