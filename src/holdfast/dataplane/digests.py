"""Checksums of objects as the catalog keeps them: sealed, so that a stolen catalog confirms nothing (contract G6)."""

from holdfast.catalog import chunk_index
from holdfast.catalog.transaction import Tx
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model import checksum

_PAGE = 10_000


def seal_object_checksum(keys: VaultKeys, object_no: int, summary: bytes) -> bytes:
    """The stored form of an object's SUMMARY. Numbers are never used twice, so each has a label of its own."""
    return keys.seal_digest(_label(object_no), summary)


def open_object_checksum(keys: VaultKeys, object_no: int, sealed: bytes) -> bytes:
    """An object's SUMMARY, 32 raw bytes."""
    return keys.open_digest(_label(object_no), sealed)


def object_checksum_text(keys: VaultKeys, object_no: int, sealed: bytes) -> str:
    """The wire form of an object's SUMMARY."""
    return checksum.encode(open_object_checksum(keys, object_no, sealed))


def summarise(tx: Tx, keys: VaultKeys, object_no: int) -> tuple[bytes, int, int]:
    """SUMMARY, number of chunks and total bytes of what an object or upload holds in this transaction."""
    digests: list[bytes] = []
    count = size = 0
    after = -1
    while True:
        page = chunk_index.page(tx, object_no, after, _PAGE)
        digests.extend(keys.open_digest(chunk.chunk_id, chunk.sealed_digest) for chunk in page)
        size += sum(chunk.raw_bytes for chunk in page)
        count += len(page)
        if len(page) < _PAGE:
            return checksum.summary(digests), count, size
        after = page[-1].index


def _label(object_no: int) -> bytes:
    return b"object" + object_no.to_bytes(8, "big")
