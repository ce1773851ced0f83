"""The key ring: every vault's keys, wrapped by the provider, kept as write-once blobs beside the packs.

They are in blobs and not in the catalog because packs must be readable when the catalog is lost. A vault has one
record per frame key, `keys/<vault uid, hex>/<number, 8 digits>`; each holds the id key, the seal key and that frame
key, so that a record opens its frames without any other. What is always true here: a key is durable in its record
before it is handed out.
"""

import os
import struct
import threading
from collections.abc import Callable

from holdfast.keys.port import KeyProvider, KeyRecords
from holdfast.keys.vault_keys import KEY_BYTES, UID_BYTES, VaultKeys
from holdfast.model.errors import Damaged, NotFound, UnusableKey

_MAGIC = b"HFVKEY\r\n"
_VERSION = 1
_HEAD = struct.Struct(">8sHI16s")


class KeyRing:
    """Makes, opens and remembers the keys of vaults. Safe for many threads."""

    def __init__(
        self, provider: KeyProvider, records: KeyRecords, *, random: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._provider = provider
        self._records = records
        self._random = random
        self._lock = threading.Lock()
        self._opened: dict[bytes, VaultKeys] = {}
        self._token_key = provider.derive(b"tokens")

    def create(self, vault_uid: bytes) -> VaultKeys:
        """New keys for a new vault (uid of 16 bytes), durable on return. AlreadyExists if it has keys."""
        self._write(vault_uid, 1, self._random(KEY_BYTES), self._random(KEY_BYTES))
        return self.open(vault_uid)

    def open(self, vault_uid: bytes) -> VaultKeys:
        """The keys of a vault. NotFound if it has none, UnusableKey if the provider cannot unwrap them."""
        keys = self._opened.get(vault_uid)
        if keys is None:
            with self._lock:
                keys = self._opened.get(vault_uid)
                if keys is None:
                    keys = self._opened[vault_uid] = self._read(vault_uid)
        return keys

    def rotate(self, vault_uid: bytes) -> VaultKeys:
        """Give the vault a new frame key, durable on return: new frames use it, older ones keep theirs.

        Chunk ids and sealed digests stay as they are, so that deduplication goes on.
        """
        with self._lock:
            latest = self.numbers(vault_uid)[-1]
            id_key, seal_key, _ = self._unwrap(vault_uid, latest)
            self._write(vault_uid, latest + 1, id_key, seal_key)
            keys = self._opened[vault_uid] = self._read(vault_uid)
        return keys

    def numbers(self, vault_uid: bytes) -> list[int]:
        """The numbers of a vault's frame keys, ascending. NotFound if it has none."""
        prefix = f"keys/{vault_uid.hex()}/"
        found = (name.removeprefix(prefix) for name in self._records.list(prefix))
        numbers = [int(number) for number in found if number.isdecimal()]
        if not numbers:
            raise NotFound(f"vault {vault_uid.hex()} has no keys on this key ring")
        return numbers

    def token_key(self) -> bytes:
        """The key (32 bytes) of all tokens that clients hold; the same after every start."""
        return self._token_key

    def _read(self, vault_uid: bytes) -> VaultKeys:
        frame_keys: dict[int, bytes] = {}
        id_key = seal_key = b""
        for number in self.numbers(vault_uid):
            id_key, seal_key, frame_keys[number] = self._unwrap(vault_uid, number)
        return VaultKeys(vault_uid, id_key, seal_key, frame_keys)

    def _write(self, vault_uid: bytes, number: int, id_key: bytes, seal_key: bytes) -> None:
        if len(vault_uid) != UID_BYTES:
            raise UnusableKey(f"a vault uid has {UID_BYTES} bytes, not {len(vault_uid)}")
        head = _HEAD.pack(_MAGIC, _VERSION, number, vault_uid)
        wrapped = self._provider.wrap(id_key + seal_key + self._random(KEY_BYTES), head)
        self._records.put(_name(vault_uid, number), head + wrapped)

    def _unwrap(self, vault_uid: bytes, number: int) -> tuple[bytes, bytes, bytes]:
        record = self._records.get(_name(vault_uid, number))
        head = _HEAD.pack(_MAGIC, _VERSION, number, vault_uid)
        if record[: len(head)] != head:
            raise Damaged(f"the key record {_name(vault_uid, number)} is damaged, or of a later version: restore it")
        keys = self._provider.unwrap(record[len(head) :], head)
        if len(keys) != 3 * KEY_BYTES:
            raise UnusableKey(f"the key record {_name(vault_uid, number)} holds {len(keys)} bytes of keys, not 96")
        return keys[:KEY_BYTES], keys[KEY_BYTES : 2 * KEY_BYTES], keys[2 * KEY_BYTES :]


def _name(vault_uid: bytes, number: int) -> str:
    return f"keys/{vault_uid.hex()}/{number:08d}"
