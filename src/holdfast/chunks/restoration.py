"""Bytes of a pack that the disk no longer has, from what is left of the pack and its parity.

What is always true here: a block is used only if its hash is the one that was taken when the parity was made. That
finds damage and proves nothing more; whoever is given restored bytes must check them as he would check anything read
from the pack. A pack never changes, so what was restored once is kept for its neighbours; it is never more than the
parity.
"""

from holdfast.blobs.port import BlobStore
from holdfast.chunks.packs import pack_name
from holdfast.chunks.reed_solomon import decode
from holdfast.model.errors import Damaged, NotFound
from holdfast.packfile.parity import HASH_BYTES, HEAD_BYTES, ParityHead, block_hash, decode_head


def parity_name(vault_uid: bytes, pack_uid: bytes) -> str:
    """The blob that holds a pack's parity: `parity/<vault uid, hex>/<pack uid, hex>`."""
    return f"parity/{vault_uid.hex()}/{pack_uid.hex()}"


class Restoration:
    """The opened parity of one pack. One thread."""

    def __init__(self, blobs: BlobStore, head: ParityHead, hashes: list[bytes]) -> None:
        self.head = head
        self._blobs = blobs
        self._hashes = hashes
        self._name = parity_name(head.vault, head.pack)
        self._pack_name = pack_name(head.vault, head.pack)
        self._restored: dict[int, bytes] = {}

    @classmethod
    def open(cls, blobs: BlobStore, vault: bytes, pack: bytes) -> "Restoration":
        """Reads head and table from whichever end of the blob still has them. Raises Damaged."""
        name = parity_name(vault, pack)
        try:
            size = blobs.size(name)
            head, table_hash = _head(blobs, name, size)
        except NotFound as missing:
            raise Damaged(f"the parity {name} is missing") from missing
        if (head.vault, head.pack, head.blob_bytes) != (vault, pack, size):
            raise Damaged(f"the parity {name} is cut short, or belongs to another pack")
        for offset in head.table_offsets:
            table = _read(blobs, name, offset, head.table_bytes)
            if table is not None and block_hash(table) == table_hash:
                hashes = [table[start : start + HASH_BYTES] for start in range(0, len(table), HASH_BYTES)]
                return cls(blobs, head, hashes)
        raise Damaged(f"both tables of the parity {name} are damaged")

    def read(self, offset: int, length: int) -> bytes:
        """The bytes of the pack from `offset` as they were when its parity was made.

        Raises Damaged where too much is lost: the message says how much, and what would have been enough.
        """
        if offset + length > self.head.pack_bytes:
            raise Damaged("the parity was made when the pack was shorter")
        size = self.head.block_bytes
        first, last = offset // size, (offset + length - 1) // size
        whole = b"".join([self._block(block) for block in range(first, last + 1)])
        return whole[offset - first * size : offset - first * size + length]

    def is_whole(self) -> bool:
        """Whether every byte of the parity blob is what it was."""
        length = HEAD_BYTES + self.head.table_bytes
        front = _read(self._blobs, self._name, 0, length)
        back = _read(self._blobs, self._name, self.head.blob_bytes - length, length)
        if front is None or back is None or front != back[-HEAD_BYTES:] + back[:-HEAD_BYTES]:
            return False
        shards = range(self.head.parity_shards)
        return all(self._parity_block(stripe, shard) for shard in shards for stripe in range(self.head.stripes))

    def pack_block(self, block: int | None) -> bytes | None:
        """A block of the pack as it is now, filled up with zeros; None where the disk does not give all of it."""
        if block is None:
            return bytes(self.head.block_bytes)
        offset = block * self.head.block_bytes
        length = min(self.head.block_bytes, self.head.pack_bytes - offset)
        data = _read(self._blobs, self._pack_name, offset, length)
        return None if data is None else data.ljust(self.head.block_bytes, b"\0")

    def _block(self, block: int) -> bytes:
        data = self._restored.get(block) or self._sound_block(block)
        if data is None:
            self._restore_stripe(block % self.head.stripes)
            data = self._restored[block]
        return data

    def _restore_stripe(self, stripe: int) -> None:
        head = self.head
        shards = head.shards(stripe)
        found: dict[int, bytes] = {}
        for number, block in enumerate(shards):
            data = self._sound_block(block)
            if data is not None:
                found[number] = data
        lost = head.data_shards - len(found)
        left = 0
        for shard in range(head.parity_shards):
            if len(found) == head.data_shards:
                break
            data = self._parity_block(stripe, shard)
            if data is not None:
                found[head.data_shards + shard] = data
                left += 1
        if len(found) < head.data_shards:
            raise Damaged(
                f"{lost} of {head.data_shards} blocks of {head.block_bytes} bytes that belong together are lost, and"
                f" {left} of their {head.parity_shards} parity blocks are left"
            )
        whole = decode(found, head.data_shards, head.parity_shards)
        for number, block in enumerate(shards):
            if block is not None and number not in found:
                self._restored[block] = whole[number]

    def _sound_block(self, block: int | None) -> bytes | None:
        data = self.pack_block(block)
        if data is not None and block is not None and block_hash(data) != self._hashes[block]:
            return None
        return data

    def _parity_block(self, stripe: int, shard: int) -> bytes | None:
        data = _read(self._blobs, self._name, self.head.parity_offset(stripe, shard), self.head.block_bytes)
        if data is None or block_hash(data) != self._hashes[self.head.parity_hash_number(stripe, shard)]:
            return None
        return data


def _head(blobs: BlobStore, name: str, size: int) -> tuple[ParityHead, bytes]:
    try:
        return decode_head(blobs.read(name, 0, HEAD_BYTES))
    except Damaged:
        return decode_head(blobs.read(name, max(0, size - HEAD_BYTES), HEAD_BYTES))


def _read(blobs: BlobStore, name: str, offset: int, length: int) -> bytes | None:
    """All of the range, or None where the disk does not have it."""
    try:
        data = blobs.read(name, offset, length)
    except (NotFound, Damaged):
        return None
    return data if len(data) == length else None
