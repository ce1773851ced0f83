"""The two headers of a pack file, byte for byte (docs/design/pack-format.md).

A pack is a pack header followed by frames, one after the other, nothing between and nothing after them. A frame is a
frame header followed by its sealed body: the ciphertext and the 16-byte tag of AES-256-GCM, whose additional data is
the frame header as it stands in the file. Integers are big-endian. What is always true here: a header is accepted
only if its magic, version, reserved bytes, lengths and checksum are right, so that a reader in search of the next
frame can trust what it finds. The checksum finds damage; only the tag, which needs the key, proves that nobody made
the header up.
"""

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

import msgspec

from holdfast.model.errors import Damaged
from holdfast.model.limits import FRAME_CONTENT_BYTES_MAX

PACK_MAGIC = b"HFPACK\r\n"
FRAME_MAGIC = b"\xabHFrame\x1a"
FORMAT_VERSION = 1

UID_BYTES = 16
SALT_BYTES = 32
TAG_BYTES = 16

_PACK = struct.Struct(">8sHH16s16s")
_FRAME = struct.Struct(">8sBBBBI16s32sII32s")
_CRC = struct.Struct(">I")

PACK_HEADER_BYTES = _PACK.size + _CRC.size
FRAME_HEADER_BYTES = _FRAME.size + _CRC.size
FRAME_OVERHEAD_BYTES = FRAME_HEADER_BYTES + TAG_BYTES
assert (PACK_HEADER_BYTES, FRAME_HEADER_BYTES, FRAME_OVERHEAD_BYTES) == (48, 108, 124)


class Codec(IntEnum):
    """How the raw bytes were packed before they were encrypted."""

    RAW = 0
    ZSTD = 1


class Kind(IntEnum):
    """What a frame carries. A reader that wants one kind refuses the others."""

    CHUNK = 1
    MANIFEST = 2
    RECORD = 3


@dataclass(frozen=True, slots=True)
class PackHeader:
    """The first bytes of a pack: whose it is, and which one."""

    vault: bytes
    """Vault uid, 16 bytes."""
    pack: bytes
    """Pack uid, 16 bytes; also in the pack's name."""

    def encode(self) -> bytes:
        """The 48 bytes of this header."""
        fixed = _PACK.pack(PACK_MAGIC, FORMAT_VERSION, 0, self.vault, self.pack)
        return fixed + _CRC.pack(zlib.crc32(fixed))


class FrameHeader(msgspec.Struct, frozen=True, gc=False):
    """What a frame says about itself in the clear. Its id is an HMAC: nobody learns anything of it without the keys."""

    codec: int
    kind: int
    key_number: int
    """Which of the vault's frame keys the frame's own key is derived from."""
    vault: bytes
    """Vault uid, 16 bytes."""
    frame_id: bytes
    """Of a chunk: the chunk id, 32 bytes."""
    raw_bytes: int
    """Length of what was sealed, before compression."""
    stored_bytes: int
    """Length of the ciphertext, without the tag."""
    salt: bytes
    """32 random bytes that make the frame's key its own."""

    def encode(self) -> bytes:
        """The 108 bytes of this header."""
        fixed = _FRAME.pack(
            FRAME_MAGIC,
            FORMAT_VERSION,
            self.codec,
            self.kind,
            0,
            self.key_number,
            self.vault,
            self.frame_id,
            self.raw_bytes,
            self.stored_bytes,
            self.salt,
        )
        return fixed + _CRC.pack(zlib.crc32(fixed))

    @property
    def frame_bytes(self) -> int:
        """Length of the whole frame: header, ciphertext and tag."""
        return FRAME_OVERHEAD_BYTES + self.stored_bytes


def decode_pack_header(data: bytes | memoryview) -> PackHeader:
    """The header in the first 48 bytes of `data`. Raises Damaged, saying what is wrong with it."""
    if len(data) < PACK_HEADER_BYTES:
        raise Damaged(f"pack header: {len(data)} of {PACK_HEADER_BYTES} bytes are there")
    magic, version, reserved, vault, pack = _PACK.unpack_from(data)
    if magic != PACK_MAGIC:
        raise Damaged("pack header: the magic number is missing, this is no pack")
    if _CRC.unpack_from(data, _PACK.size)[0] != zlib.crc32(data[: _PACK.size]):
        raise Damaged("pack header: the checksum does not match")
    if version != FORMAT_VERSION or reserved:
        raise Damaged(f"pack header: format {version}.{reserved} is not known to this version, {FORMAT_VERSION}.0 is")
    return PackHeader(vault, pack)


def decode_frame_header(data: bytes | memoryview) -> FrameHeader:
    """The header in the first 108 bytes of `data`. Raises Damaged, saying what is wrong with it."""
    if len(data) < FRAME_HEADER_BYTES:
        raise Damaged(f"frame header: {len(data)} of {FRAME_HEADER_BYTES} bytes are there")
    magic, version, codec, kind, reserved, key_number, vault, frame_id, raw_bytes, stored_bytes, salt = (
        _FRAME.unpack_from(data)
    )
    if magic != FRAME_MAGIC:
        raise Damaged("frame header: the magic number is missing")
    if _CRC.unpack_from(data, _FRAME.size)[0] != zlib.crc32(data[: _FRAME.size]):
        raise Damaged("frame header: the checksum does not match")
    if version != FORMAT_VERSION or reserved:
        raise Damaged(f"frame header: format {version}.{reserved} is not known to this version, {FORMAT_VERSION}.0 is")
    if codec > Codec.ZSTD or not Kind.CHUNK <= kind <= Kind.RECORD:
        raise Damaged(f"frame header: codec {codec}, kind {kind} is not known to this version")
    if raw_bytes > FRAME_CONTENT_BYTES_MAX or stored_bytes > raw_bytes:
        raise Damaged(
            f"frame header: {stored_bytes} bytes that stand for {raw_bytes}: no frame holds more than"
            f" {FRAME_CONTENT_BYTES_MAX}, or takes more room than its content"
        )
    return FrameHeader(codec, kind, key_number, vault, frame_id, raw_bytes, stored_bytes, salt)
