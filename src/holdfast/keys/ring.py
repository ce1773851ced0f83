"""The key ring: every vault's keys, wrapped by the provider, kept as write-once blobs beside the packs.

They are in blobs and not in the catalog because packs must be readable when the catalog is lost. What is always true
here: a key is durable in its record before it is handed out, whoever wrote the record; and no key is handed out while
the provider does not allow it. A record that is damaged hides the frames of its own key and no others.
"""

import os
import threading
import time
from collections.abc import Callable

from holdfast.keys import record
from holdfast.keys.port import KeyProvider, KeyRecords
from holdfast.keys.record import TOKENS, RecordName, Slot
from holdfast.keys.vault_keys import KEY_BYTES, VaultKeys
from holdfast.model.errors import AlreadyExists, Damaged, NotFound, UnusableKey


class KeyRing:
    """Makes, opens and remembers the keys of vaults. Safe for many threads."""

    def __init__(
        self,
        provider: KeyProvider,
        records: KeyRecords,
        *,
        random: Callable[[int], bytes] = os.urandom,
        refresh_seconds: float | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`refresh_seconds`: others make and destroy keys too; what was opened so long ago is looked at again."""
        self._refresh_seconds = refresh_seconds
        self._monotonic = monotonic
        self._provider = provider
        self._records = records
        self._random = random
        self._lock = threading.Lock()
        self._opened: dict[bytes, VaultKeys] = {}
        self._looked_at: dict[bytes, float] = {}
        self._token_key = token_key(provider, records)

    @property
    def root_id(self) -> bytes:
        """Which root key wraps the keys: 8 bytes that are no secret."""
        return self._provider.root_id

    def create(self, vault_uid: bytes) -> VaultKeys:
        """New keys for a new vault (uid of 16 bytes), durable on return. AlreadyExists if it has keys."""
        if next(self._records.list(record.vault_prefix(vault_uid)), None) is not None:
            raise AlreadyExists(f"vault {vault_uid.hex()} has keys already")
        self._write(vault_uid, 1, self._random(KEY_BYTES) + self._random(KEY_BYTES))
        return self.open(vault_uid)

    def open(self, vault_uid: bytes) -> VaultKeys:
        """The keys of a vault. NotFound if it has none; UnusableKey if they may not be used, or none of them opens."""
        self._provider.require_usable()
        keys = self._opened.get(vault_uid)
        if keys is None or self._is_old(vault_uid):
            with self._lock:
                keys = self._opened.get(vault_uid)
                if keys is None:
                    keys = self._opened[vault_uid] = self._read(vault_uid)
                elif self._is_old(vault_uid):
                    self._refresh(keys)
                self._looked_at[vault_uid] = self._monotonic()
        return keys

    def latest(self, vault_uid: bytes) -> VaultKeys:
        """As `open`, with every frame key that others have made by now."""
        keys = self.open(vault_uid)
        if self._refresh_seconds is not None:
            with self._lock:
                self._refresh(keys)
        return keys

    def rotate(self, vault_uid: bytes) -> VaultKeys:
        """Give the vault a new frame key, durable on return: new frames use it, older ones keep theirs.

        Chunk ids and sealed digests stay as they are, so that deduplication goes on. Whoever holds the vault's keys
        seals with the new one from here on.
        """
        keys = self.open(vault_uid)
        with self._lock:
            slots = self._slots(vault_uid)
            number = max(slot.number for slot in slots) + 1
            keys.add_frame_key(number, self._write(vault_uid, number, self._open_any(slots)[0]))
        return keys

    def destroy(self, vault_uid: bytes) -> None:
        """Forget all keys of the vault, durably: nobody reads its frames any more. Nothing happens if it has none."""
        with self._lock:
            self._opened.pop(vault_uid, None)
            prefix = record.vault_prefix(vault_uid)
            names = list(self._records.list(prefix))
            for name in names:
                self._records.delete(name)
            # An earlier attempt may have removed some of them and been killed before that was durable.
            self._settle(vault_uid)

    def numbers(self, vault_uid: bytes) -> list[int]:
        """The numbers of a vault's frame keys, ascending. NotFound if it has none."""
        return sorted(slot.number for slot in self._slots(vault_uid))

    def vault_uids(self) -> list[bytes]:
        """The vaults that have keys here."""
        slots = record.by_slot(self._records.list(record.PREFIX))
        return sorted({slot.vault for slot in slots if slot != TOKENS})

    def token_key(self) -> bytes:
        """The key (32 bytes) of all tokens that clients hold; the same after every start."""
        return self._token_key

    def _is_old(self, vault_uid: bytes) -> bool:
        if self._refresh_seconds is None:
            return False
        return self._monotonic() - self._looked_at.get(vault_uid, 0.0) > self._refresh_seconds

    def _refresh(self, keys: VaultKeys) -> None:
        """Takes over frame keys that others have added; forgets the vault's keys if they are gone. Raises NotFound."""
        try:
            slots = self._slots(keys.vault_uid)
        except NotFound:
            self._opened.pop(keys.vault_uid, None)
            raise
        if any(not keys.has_frame_key(slot.number) for slot in slots):
            self._settle(keys.vault_uid)
            for number, key in self._open_any(slots)[1].items():
                if not keys.has_frame_key(number):
                    keys.add_frame_key(number, key)

    def _slots(self, vault_uid: bytes) -> dict[Slot, list[RecordName]]:
        slots = record.by_slot(self._records.list(record.vault_prefix(vault_uid)))
        if not slots:
            raise NotFound(f"vault {vault_uid.hex()} has no keys on this key ring")
        return slots

    def _read(self, vault_uid: bytes) -> VaultKeys:
        slots = self._slots(vault_uid)
        self._settle(vault_uid)
        shared, frame_keys = self._open_any(slots)
        look_again = self._look_again if self._refresh_seconds is not None else None
        return VaultKeys(vault_uid, shared[:KEY_BYTES], shared[KEY_BYTES:], frame_keys, look_again)

    def _look_again(self, keys: VaultKeys) -> None:
        """A frame is under a key that is not known here: another node may have made it just now."""
        with self._lock:
            self._refresh(keys)

    def _settle(self, vault_uid: bytes) -> None:
        """Make durable what stands in the directory of the vault's records, and that it stands where it does."""
        for name in (f"{record.vault_prefix(vault_uid)}any", f"{record.PREFIX}any", "any"):
            self._records.settle(name)

    def _open_any(self, slots: dict[Slot, list[RecordName]]) -> tuple[bytes, dict[int, bytes]]:
        """Id key and seal key, which all records share, and the frame keys of those records that open."""
        frame_keys: dict[int, bytes] = {}
        shared = b""
        refused: Damaged | UnusableKey | None = None
        for slot, names in slots.items():
            try:
                name = record.chosen(names, self._provider.root_id)
                keys = record.unseal(self._provider, name, self._records.get(name.text))
            except (Damaged, UnusableKey) as trouble:
                refused = refused or trouble
                continue
            shared, frame_keys[slot.number] = keys[: 2 * KEY_BYTES], keys[2 * KEY_BYTES :]
        if refused is not None and not frame_keys:
            raise refused
        return shared, frame_keys

    def _write(self, vault_uid: bytes, number: int, shared: bytes) -> bytes:
        """A record with a new frame key beside the id key and the seal key in `shared`; the new key."""
        frame_key = self._random(KEY_BYTES)
        name = RecordName(Slot(vault_uid, number), self._provider.root_id)
        self._records.put(name.text, record.seal(self._provider, name, shared + frame_key))
        return frame_key


def token_key(provider: KeyProvider, records: KeyRecords) -> bytes:
    """The key of all tokens: in a record of its own once the root key was changed, until then derived from it."""
    names = record.by_slot(records.list(f"{record.PREFIX}service/")).get(TOKENS, [])
    mine = next((name for name in names if name.root_id == provider.root_id), None)
    if mine is None:
        return provider.derive(b"tokens")
    return record.unseal(provider, mine, records.get(mine.text))
