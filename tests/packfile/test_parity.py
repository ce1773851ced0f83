import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.model.errors import Damaged, InvalidInput
from holdfast.packfile.parity import (
    BLOCK_BYTES_MAX,
    BLOCK_BYTES_MIN,
    HEAD_BYTES,
    ParityHead,
    block_hash,
    decode_head,
    plan,
)

VAULT, PACK = bytes(range(16)), bytes(range(16, 32))
SIZES = st.integers(1, 2**31)
PERCENTS = st.integers(1, 50)

GOLDEN = (
    "48465041 52490d0a 0001 0000"
    "000102030405060708090a0b0c0d0e0f 101112131415161718191a1b1c1d1e1f"
    "0000000000100000 00004000 00000001 0040 0004"
    "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
)


def test_the_head_is_what_the_documentation_says() -> None:
    head = plan(VAULT, PACK, 1 << 20, 5)
    assert head == ParityHead(VAULT, PACK, 1 << 20, 16 * 1024, 1, 64, 4)
    fixed = bytes.fromhex(GOLDEN)
    assert head.encode(bytes(range(0xA0, 0xB0))) == fixed + zlib.crc32(fixed).to_bytes(4, "big")
    assert len(fixed) + 4 == HEAD_BYTES


@given(SIZES, PERCENTS)
def test_every_block_has_one_place_and_every_shape_one_size(size: int, percent: int) -> None:
    head = plan(VAULT, PACK, size, percent)
    assert BLOCK_BYTES_MIN <= head.block_bytes <= BLOCK_BYTES_MAX
    assert head.data_shards + head.parity_shards <= 256
    assert head.parity_shards * 100 >= head.data_shards * percent
    assert decode_head(head.encode(b"h" * 16)) == (head, b"h" * 16)
    if head.data_blocks <= 5000:
        blocks = [block for stripe in range(head.stripes) for block in head.shards(stripe)]
        assert sorted(block for block in blocks if block is not None) == list(range(head.data_blocks))
        assert len(blocks) == head.stripes * head.data_shards
        offsets = [
            head.parity_offset(stripe, shard) for shard in range(head.parity_shards) for stripe in range(head.stripes)
        ]
        first = HEAD_BYTES + head.table_bytes
        assert offsets == list(range(first, first + head.parity_blocks * head.block_bytes, head.block_bytes))
        assert head.table_offsets[1] == first + head.parity_blocks * head.block_bytes


@given(SIZES.filter(lambda size: size < 2**28), PERCENTS, st.data())
def test_a_burst_as_long_as_the_parity_touches_no_stripe_too_often(
    size: int, percent: int, data: st.DataObject
) -> None:
    head = plan(VAULT, PACK, size, percent)
    burst = min(head.parity_blocks, head.data_blocks)
    start = data.draw(st.integers(0, head.data_blocks - burst))
    touched = [block % head.stripes for block in range(start, start + burst)]
    assert max(map(touched.count, set(touched))) <= head.parity_shards


@pytest.mark.parametrize("place", range(HEAD_BYTES))
def test_every_flipped_byte_of_a_head_is_noticed(place: int) -> None:
    data = bytearray(plan(VAULT, PACK, 300_000, 7).encode(block_hash(b"table")))
    data[place] ^= 0x10
    with pytest.raises(Damaged):
        decode_head(bytes(data))


def test_a_head_that_is_cut_or_makes_no_sense_is_refused() -> None:
    data = plan(VAULT, PACK, 300_000, 7).encode(block_hash(b"table"))
    with pytest.raises(Damaged, match="are there"):
        decode_head(data[:-1])
    for head in (
        ParityHead(VAULT, PACK, 1 << 20, 4096, 1, 10, 1),
        ParityHead(VAULT, PACK, 1 << 20, 1 << 20, 1, 1, 1),
        ParityHead(VAULT, PACK, 1 << 20, 65536, 1, 200, 100),
        ParityHead(VAULT, PACK, 0, 65536, 1, 1, 1),
    ):
        with pytest.raises(Damaged, match="do not fit"):
            decode_head(head.encode(b"h" * 16))


def test_impossible_strengths_are_refused() -> None:
    for percent in (0, 51, -1):
        with pytest.raises(InvalidInput, match="1 to 50"):
            plan(VAULT, PACK, 1000, percent)
    with pytest.raises(InvalidInput, match="empty"):
        plan(VAULT, PACK, 0, 5)
