"""The parity blob of a pack, byte for byte (docs/design/parity.md): how its blocks are laid out and found.

A pack is cut into blocks, the last filled up with zeros. Block number i belongs to stripe i mod `stripes`, so that
neighbours lie in different stripes. A stripe has `data_shards` data blocks, some perhaps beyond the pack's end and all
zeros, and `parity_shards` parity blocks; any `data_shards` of all these give the others back. A table of truncated
hashes, one for each block, tells sound blocks from damaged ones. Head and table stand at both ends of the blob: losing
one of them loses nothing.

Nothing here is secret or trusted: it is made of ciphertext, and what is repaired by it is unsealed before it is used.
"""

import hashlib
import struct
import zlib

import msgspec

from holdfast.model.errors import Damaged, InvalidInput
from holdfast.model.limits import KIB, PARITY_PERCENT_MAX
from holdfast.packfile.layout import UID_BYTES

MAGIC = b"HFPARI\r\n"
FORMAT_VERSION = 1
HASH_BYTES = 16
BLOCK_BYTES_MIN = 4 * KIB
BLOCK_BYTES_MAX = 64 * KIB
_DATA_SHARDS_MAX = 100
_BLOCKS_WANTED = 64
_SHARDS_MAX = 256

_HEAD = struct.Struct(">8sHH16s16sQIIHH16s")
_CRC = struct.Struct(">I")
HEAD_BYTES = _HEAD.size + _CRC.size


class ParityHead(msgspec.Struct, frozen=True):
    """Whose parity it is, and the shape of it."""

    vault: bytes
    """Vault uid, 16 bytes."""
    pack: bytes
    """Pack uid, 16 bytes."""
    pack_bytes: int
    block_bytes: int
    stripes: int
    data_shards: int
    parity_shards: int

    @property
    def data_blocks(self) -> int:
        """Blocks that the pack has, the last perhaps in part."""
        return -(-self.pack_bytes // self.block_bytes)

    @property
    def parity_blocks(self) -> int:
        return self.stripes * self.parity_shards

    @property
    def table_bytes(self) -> int:
        return HASH_BYTES * (self.data_blocks + self.parity_blocks)

    @property
    def blob_bytes(self) -> int:
        """Length of the whole blob."""
        return 2 * (HEAD_BYTES + self.table_bytes) + self.parity_blocks * self.block_bytes

    @property
    def table_offsets(self) -> tuple[int, int]:
        """Where the two copies of the table begin."""
        return HEAD_BYTES, self.blob_bytes - HEAD_BYTES - self.table_bytes

    def shards(self, stripe: int) -> list[int | None]:
        """The pack's blocks in that stripe, by shard; None for one beyond the pack's end, which is all zeros."""
        blocks = range(stripe, self.stripes * self.data_shards, self.stripes)
        return [block if block < self.data_blocks else None for block in blocks]

    def parity_offset(self, stripe: int, shard: int) -> int:
        """Where parity block `shard` (from 0) of a stripe begins in the blob."""
        return HEAD_BYTES + self.table_bytes + self.block_bytes * (shard * self.stripes + stripe)

    def parity_hash_number(self, stripe: int, shard: int) -> int:
        """The place of that parity block in the table."""
        return self.data_blocks + shard * self.stripes + stripe

    def encode(self, table_hash: bytes) -> bytes:
        """The bytes of the head; `table_hash` is `block_hash` of the table."""
        fixed = _HEAD.pack(
            MAGIC,
            FORMAT_VERSION,
            0,
            self.vault,
            self.pack,
            self.pack_bytes,
            self.block_bytes,
            self.stripes,
            self.data_shards,
            self.parity_shards,
            table_hash,
        )
        return fixed + _CRC.pack(zlib.crc32(fixed))


def plan(vault: bytes, pack: bytes, pack_bytes: int, percent: int) -> ParityHead:
    """The shape of parity that restores about `percent` (1 to 50) of a pack's blocks, wherever they lie together."""
    if not 1 <= percent <= PARITY_PERCENT_MAX:
        raise InvalidInput(f"parity is {percent} percent: it must be 1 to {PARITY_PERCENT_MAX}")
    if pack_bytes < 1:
        raise InvalidInput("an empty pack has nothing to restore")
    assert len(vault) == len(pack) == UID_BYTES
    block_bytes = BLOCK_BYTES_MAX
    while block_bytes > BLOCK_BYTES_MIN and pack_bytes < block_bytes * _BLOCKS_WANTED:
        block_bytes //= 2
    blocks = -(-pack_bytes // block_bytes)
    stripes = -(-blocks // _DATA_SHARDS_MAX)
    data_shards = -(-blocks // stripes)
    return ParityHead(vault, pack, pack_bytes, block_bytes, stripes, data_shards, -(-data_shards * percent // 100))


def decode_head(data: bytes | memoryview) -> tuple[ParityHead, bytes]:
    """The head in `data` and the hash of its table. Raises Damaged, saying what is wrong."""
    if len(data) != HEAD_BYTES:
        raise Damaged(f"parity head: {len(data)} of {HEAD_BYTES} bytes are there")
    magic, version, reserved, *fields, table_hash = _HEAD.unpack_from(data)
    if magic != MAGIC:
        raise Damaged("parity head: the magic number is missing")
    if _CRC.unpack_from(data, _HEAD.size)[0] != zlib.crc32(data[: _HEAD.size]):
        raise Damaged("parity head: the checksum does not match")
    if version != FORMAT_VERSION or reserved:
        raise Damaged(f"parity head: format {version}.{reserved} is not known to this version")
    head = ParityHead(*fields)
    shards = head.data_shards + head.parity_shards
    sizes = BLOCK_BYTES_MIN <= head.block_bytes <= BLOCK_BYTES_MAX and head.data_shards >= 1 and head.pack_bytes >= 1
    if not sizes or shards > _SHARDS_MAX or head.stripes * head.data_shards < head.data_blocks:
        raise Damaged("parity head: its sizes do not fit each other")
    return head, table_hash


def assemble(head: ParityHead, hashes: list[bytes], parity: list[bytes]) -> list[bytes]:
    """The blob in parts, to be written one after the other.

    `hashes` are those of the pack's blocks; `parity` are the parity blocks, all first shards before all second ones.
    """
    assert (len(hashes), len(parity)) == (head.data_blocks, head.parity_blocks)
    table = b"".join([*hashes, *map(block_hash, parity)])
    fixed = head.encode(block_hash(table))
    return [fixed, table, *parity, table, fixed]


def block_hash(block: bytes | bytearray | memoryview) -> bytes:
    """What the table holds of a block: the first 16 bytes of its SHA-256."""
    return hashlib.sha256(block).digest()[:HASH_BYTES]
