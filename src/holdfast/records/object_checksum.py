"""An object's SUMMARY as the catalog keeps it: sealed, so that a stolen catalog confirms nothing (contract G6)."""

from holdfast.keys.vault_keys import VaultKeys


def seal_object_checksum(keys: VaultKeys, object_no: int, summary: bytes) -> bytes:
    """The stored form of an object's SUMMARY. Numbers are never used twice, so each has a label of its own."""
    return keys.seal_digest(_label(object_no), summary)


def open_object_checksum(keys: VaultKeys, object_no: int, sealed: bytes) -> bytes:
    """An object's SUMMARY, 32 raw bytes."""
    return keys.open_digest(_label(object_no), sealed)


def _label(object_no: int) -> bytes:
    return b"object" + object_no.to_bytes(8, "big")
