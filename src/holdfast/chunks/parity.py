"""Makes the parity of packs, and sees that it stays whole.

What is always true here: a pack is only read. Memory is one stripe (at most 100 data blocks of 64 KiB) and the parity
that is being made.
"""

from collections.abc import Iterator

from holdfast.blobs.port import BlobStore
from holdfast.chunks.packs import pack_name
from holdfast.chunks.reed_solomon import encode
from holdfast.chunks.restoration import Restoration, parity_name
from holdfast.model.errors import AlreadyExists, Damaged
from holdfast.packfile.parity import assemble, block_hash, plan

__all__ = ["PREFIX", "Parity", "Restoration", "parity_name"]

PREFIX = "parity/"


class Parity:
    """Parity blobs beside packs, in the same blob store. Safe for many threads."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    def make(self, vault: bytes, pack: bytes, pack_bytes: int, percent: int) -> int:
        """Makes the parity of a pack that nobody appends to, durable on return; bytes of the blob.

        A blob that is there already is replaced. Raises Damaged where the pack cannot be read as a whole, Unavailable
        where the library is not installed.
        """
        head = plan(vault, pack, pack_bytes, percent)
        hashes = [b""] * head.data_blocks
        parity = [b""] * head.parity_blocks
        reading = Restoration(self._blobs, head, [])
        for stripe in range(head.stripes):
            shards = []
            for block in head.shards(stripe):
                data = reading.pack_block(block)
                if data is None:
                    raise Damaged(f"{pack_name(vault, pack)} cannot be read as a whole: verify the store first")
                if block is not None:
                    hashes[block] = block_hash(data)
                shards.append(data)
            for shard, made in enumerate(encode(shards, head.parity_shards)):
                parity[shard * head.stripes + stripe] = made
        blob = b"".join(assemble(head, hashes, parity))
        name = parity_name(vault, pack)
        try:
            self._blobs.put(name, blob)
        except AlreadyExists:
            # Left by a crash before the catalog knew of it, or damaged.
            self._blobs.delete(name)
            self._blobs.put(name, blob)
        return len(blob)

    def restoration(self, vault: bytes, pack: bytes) -> Restoration:
        """What can be restored of a pack. Raises Damaged where its parity is missing or cannot be read."""
        return Restoration.open(self._blobs, vault, pack)

    def is_sound(self, vault: bytes, pack: bytes, pack_bytes: int) -> bool:
        """Whether the parity blob is all there and belongs to a pack of that length. Reads the blob once."""
        try:
            opened = self.restoration(vault, pack)
        except Damaged:
            return False
        return opened.head.pack_bytes == pack_bytes and opened.is_whole()

    def delete(self, vault: bytes, pack: bytes) -> None:
        """Removes the parity of a pack, if there is any; durable on return."""
        self._blobs.delete(parity_name(vault, pack))

    def all_packs(self) -> Iterator[tuple[bytes, bytes]]:
        """(vault uid, pack uid) of every parity blob."""
        for name in self._blobs.list(PREFIX):
            vault, _, pack = name.removeprefix(PREFIX).partition("/")
            yield bytes.fromhex(vault), bytes.fromhex(pack)
