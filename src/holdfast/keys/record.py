"""What a key record is called, and what stands in it (byte by byte in docs/design/pack-format.md).

A vault has one record per frame key; each holds the id key, the seal key and that frame key, so that a record opens its
frames without any other. A record's name says which root key wraps it, and so does its head: while the root key is
changed, records of the old one and of the new one stand beside each other. Records of the first version do not say it.
What is always true here: the head is the context of the wrap, so that a record in another's place does not open.
"""

import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from holdfast.keys.port import KeyProvider
from holdfast.keys.vault_keys import KEY_BYTES, UID_BYTES
from holdfast.model.errors import Damaged, UnusableKey

PREFIX = "keys/"

_VAULT = re.compile(r"keys/([0-9a-f]{32})/([0-9]{8})(?:\.([0-9a-f]{16}))?")
_TOKENS = re.compile(r"keys/service/tokens\.([0-9a-f]{16})")
_MAGIC = b"HFVKEY\r\n"
_TOKEN_MAGIC = b"HFTOKN\r\n"
_HEAD_1 = struct.Struct(">8sHI16s")
_HEAD_2 = struct.Struct(">8sHI16s8s")
_TOKEN_HEAD = struct.Struct(">8sH8s")


@dataclass(frozen=True, slots=True)
class Slot:
    """What one key is for: a frame key of a vault, or (with no vault) the tokens of the service."""

    vault: bytes
    number: int


TOKENS = Slot(b"", 0)


@dataclass(frozen=True, slots=True)
class RecordName:
    """A record, by what it is for and which root key wraps it; None in records of the first version."""

    slot: Slot
    root_id: bytes | None

    @property
    def text(self) -> str:
        """The blob's name."""
        suffix = "" if self.root_id is None else f".{self.root_id.hex()}"
        if self.slot == TOKENS:
            return f"keys/service/tokens{suffix}"
        return f"keys/{self.slot.vault.hex()}/{self.slot.number:08d}{suffix}"

    def head(self) -> bytes:
        """The first bytes of the record, and the context of the wrap."""
        if self.slot == TOKENS:
            return _TOKEN_HEAD.pack(_TOKEN_MAGIC, 1, self.root_id or b"")
        if self.root_id is None:
            return _HEAD_1.pack(_MAGIC, 1, self.slot.number, self.slot.vault)
        return _HEAD_2.pack(_MAGIC, 2, self.slot.number, self.slot.vault, self.root_id)

    def key_bytes(self) -> int:
        """How many bytes of keys are wrapped in it."""
        return KEY_BYTES if self.slot == TOKENS else 3 * KEY_BYTES


def vault_prefix(vault_uid: bytes) -> str:
    """What the names of all records of a vault begin with."""
    if len(vault_uid) != UID_BYTES:
        raise UnusableKey(f"a vault uid has {UID_BYTES} bytes, not {len(vault_uid)}")
    return f"{PREFIX}{vault_uid.hex()}/"


def parse(name: str) -> RecordName | None:
    """What the blob of that name is; None for one that is no key record."""
    if vault := _VAULT.fullmatch(name):
        return RecordName(Slot(bytes.fromhex(vault[1]), int(vault[2])), bytes.fromhex(vault[3]) if vault[3] else None)
    if tokens := _TOKENS.fullmatch(name):
        return RecordName(TOKENS, bytes.fromhex(tokens[1]))
    return None


def by_slot(names: Iterable[str]) -> dict[Slot, list[RecordName]]:
    """Key records by what they are for; other names are left out."""
    found: dict[Slot, list[RecordName]] = {}
    for name in names:
        record = parse(name)
        if record is not None:
            found.setdefault(record.slot, []).append(record)
    return found


def chosen(records: Iterable[RecordName], root_id: bytes) -> RecordName:
    """Of the records of one slot the one that this root key opens. UnusableKey if all belong to other root keys."""
    by_root = {record.root_id: record for record in records}
    record = by_root.get(root_id) or by_root.get(None)
    if record is None:
        other = next(iter(by_root.values()))
        assert other.root_id is not None
        raise UnusableKey(
            f"{other.text} is wrapped by the root key {other.root_id.hex()}, and root.key holds {root_id.hex()}: put"
            " the root key back that this store was left with"
        )
    return record


def missing(records: Iterable[str], latest: Mapping[bytes, int], root_id: bytes | None) -> dict[bytes, list[int]]:
    """By vault, the numbers of the frame keys that were made and of which no record is there that this root key opens.

    `latest` is the number of each vault's newest key, as the catalog remembers it. None for a root key that is not
    known: then any record will do.
    """
    there = {
        slot
        for slot, names in by_slot(records).items()
        if root_id is None or any(name.root_id in (root_id, None) for name in names)
    }
    gone = {uid: [no for no in range(1, last + 1) if Slot(uid, no) not in there] for uid, last in latest.items()}
    return {uid: numbers for uid, numbers in gone.items() if numbers}


def seal(provider: KeyProvider, name: RecordName, keys: bytes) -> bytes:
    """The record's bytes."""
    head = name.head()
    return head + provider.wrap(keys, head)


def unseal(provider: KeyProvider, name: RecordName, record: bytes) -> bytes:
    """The keys in the record. Raises Damaged or UnusableKey for every other record than the one that was sealed."""
    head = name.head()
    if record[: len(head)] != head:
        raise Damaged(f"the key record {name.text} is damaged, or of a later version: restore it from a copy")
    try:
        keys = provider.unwrap(record[len(head) :], head)
    except UnusableKey as refused:
        raise UnusableKey(f"the key record {name.text}: {refused.message}") from refused
    if len(keys) != name.key_bytes():
        raise UnusableKey(f"the key record {name.text} holds {len(keys)} bytes of keys, not {name.key_bytes()}")
    return keys
