import struct
import zlib

import msgspec
import pytest

from holdfast.model.errors import Damaged
from holdfast.model.limits import FRAME_CONTENT_BYTES_MAX
from holdfast.packfile.layout import (
    FRAME_HEADER_BYTES,
    PACK_HEADER_BYTES,
    Codec,
    FrameHeader,
    Kind,
    PackHeader,
    decode_frame_header,
    decode_pack_header,
)

PACK = PackHeader(vault=bytes(range(16)), pack=bytes(range(16, 32)))
PACK_GOLDEN = bytes.fromhex(
    "48465041434b0d0a"  # magic
    "0001"  # format version
    "0000"  # reserved
    "000102030405060708090a0b0c0d0e0f"  # vault uid
    "101112131415161718191a1b1c1d1e1f"  # pack uid
    "6392f35e"  # CRC-32 of everything before
)
FRAME = FrameHeader(
    codec=Codec.ZSTD,
    kind=Kind.CHUNK,
    key_number=7,
    vault=bytes(range(16)),
    frame_id=bytes(range(32, 64)),
    raw_bytes=1_000_000,
    stored_bytes=271_721,
    salt=bytes(range(64, 96)),
)
FRAME_GOLDEN = bytes.fromhex(
    "ab484672616d651a"  # magic
    "01"  # version
    "01"  # codec
    "01"  # kind
    "00"  # reserved
    "00000007"  # key number
    "000102030405060708090a0b0c0d0e0f"  # vault uid
    "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"  # chunk id
    "000f4240"  # raw length
    "00042569"  # stored length
    "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"  # salt
    "f7aaec9d"  # CRC-32 of everything before
)


def test_a_pack_header_has_these_bytes() -> None:
    assert PACK.encode() == PACK_GOLDEN
    assert len(PACK_GOLDEN) == PACK_HEADER_BYTES


def test_a_frame_header_has_these_bytes() -> None:
    assert FRAME.encode() == FRAME_GOLDEN
    assert len(FRAME_GOLDEN) == FRAME_HEADER_BYTES


def test_the_golden_bytes_read_back_as_the_same_values() -> None:
    assert decode_pack_header(PACK_GOLDEN + b"more") == PACK
    assert decode_frame_header(memoryview(FRAME_GOLDEN + b"more")) == FRAME
    assert FRAME.frame_bytes == 108 + 271_721 + 16


@pytest.mark.parametrize("bit", range(8))
def test_no_flipped_bit_of_a_header_passes(bit: int) -> None:
    for golden, decode in ((PACK_GOLDEN, decode_pack_header), (FRAME_GOLDEN, decode_frame_header)):
        for position in range(len(golden)):
            damaged = bytearray(golden)
            damaged[position] ^= 1 << bit
            with pytest.raises(Damaged):
                decode(bytes(damaged))


def test_a_header_cut_short_is_damaged() -> None:
    for length in range(PACK_HEADER_BYTES):
        with pytest.raises(Damaged):
            decode_pack_header(PACK_GOLDEN[:length])
    for length in range(FRAME_HEADER_BYTES):
        with pytest.raises(Damaged):
            decode_frame_header(FRAME_GOLDEN[:length])


@pytest.mark.parametrize(("position", "value"), [(8, 2), (9, 2), (10, 0), (10, 4), (11, 1)])
def test_a_frame_of_a_later_format_is_refused_even_with_a_right_checksum(position: int, value: int) -> None:
    changed = bytearray(FRAME_GOLDEN[:-4])
    changed[position] = value
    with pytest.raises(Damaged, match="not known"):
        decode_frame_header(bytes(changed) + struct.pack(">I", zlib.crc32(changed)))


@pytest.mark.parametrize(("position", "value"), [(9, 2), (11, 1)])
def test_a_pack_of_a_later_format_is_refused_even_with_a_right_checksum(position: int, value: int) -> None:
    changed = bytearray(PACK_GOLDEN[:-4])
    changed[position] = value
    with pytest.raises(Damaged, match="not known"):
        decode_pack_header(bytes(changed) + struct.pack(">I", zlib.crc32(changed)))


@pytest.mark.parametrize(
    ("raw_bytes", "stored_bytes"),
    [(FRAME_CONTENT_BYTES_MAX + 1, 10), (2**32 - 1, 2**32 - 1), (10, 11), (0, 1)],
)
def test_a_frame_that_claims_more_than_any_frame_holds_is_refused_even_with_a_right_checksum(
    raw_bytes: int, stored_bytes: int
) -> None:
    forged = msgspec.structs.replace(FRAME, raw_bytes=raw_bytes, stored_bytes=stored_bytes)
    with pytest.raises(Damaged, match=f"{stored_bytes} bytes that stand for {raw_bytes}"):
        decode_frame_header(forged.encode())
    largest = msgspec.structs.replace(FRAME, raw_bytes=FRAME_CONTENT_BYTES_MAX, stored_bytes=FRAME_CONTENT_BYTES_MAX)
    assert decode_frame_header(largest.encode()) == largest
