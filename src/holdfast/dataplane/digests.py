"""Checksums of objects on their way to the wire and from their chunks; how the catalog keeps them is in `records`."""

from holdfast.catalog import chunk_index
from holdfast.catalog.transaction import Tx
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model import checksum
from holdfast.records.object_checksum import open_object_checksum

_PAGE = 10_000


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
