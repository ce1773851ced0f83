import random

import pytest

from holdfast.model.errors import Damaged
from holdfast.packfile.layout import (
    FRAME_HEADER_BYTES,
    FRAME_MAGIC,
    PACK_HEADER_BYTES,
    TAG_BYTES,
    Codec,
    FrameHeader,
    Kind,
    PackHeader,
)
from holdfast.packfile.read import DamagedRange, FoundFrame, frames, pack_header

VAULT, PACK = b"v" * 16, b"p" * 16


def make_frame(number: int, stored_bytes: int, body: bytes | None = None) -> bytes:
    header = FrameHeader(Codec.RAW, Kind.CHUNK, 1, VAULT, bytes([number]) * 32, stored_bytes, stored_bytes, b"s" * 32)
    return header.encode() + (random.Random(number).randbytes(stored_bytes + TAG_BYTES) if body is None else body)


def make_pack(*sizes: int) -> tuple[bytearray, list[int]]:
    pack = bytearray(PackHeader(VAULT, PACK).encode())
    offsets = []
    for number, size in enumerate(sizes):
        offsets.append(len(pack))
        pack += make_frame(number, size)
    return pack, offsets


def walk(pack: bytes | bytearray) -> list[FoundFrame | DamagedRange]:
    found = list(frames(lambda offset, length: bytes(pack[offset : offset + length]), len(pack)))
    # Every byte is accounted for, whatever was done to the pack.
    position = PACK_HEADER_BYTES
    for one in found:
        assert one.offset == position
        position += one.length if isinstance(one, DamagedRange) else one.header.frame_bytes
    assert position == max(len(pack), PACK_HEADER_BYTES)
    return found


def offsets_of(found: list[FoundFrame | DamagedRange]) -> list[int]:
    return [one.offset for one in found if isinstance(one, FoundFrame)]


def test_a_sound_pack_gives_all_its_frames() -> None:
    pack, offsets = make_pack(0, 1, 100, 5000)
    found = walk(pack)
    assert offsets_of(found) == offsets
    assert [one.header.frame_id[0] for one in found if isinstance(one, FoundFrame)] == [0, 1, 2, 3]
    assert pack_header(lambda offset, length: bytes(pack[offset : offset + length])) == PackHeader(VAULT, PACK)


def test_an_empty_pack_has_no_frames() -> None:
    pack, _ = make_pack()
    assert walk(pack) == []
    assert walk(b"") == []


def test_a_flip_anywhere_in_a_header_hides_that_frame_only() -> None:
    for position in range(FRAME_HEADER_BYTES):
        pack, offsets = make_pack(10, 20, 30)
        pack[offsets[1] + position] ^= 0x55
        assert walk(pack) == [
            walk(make_pack(10)[0])[0],
            DamagedRange(offsets[1], offsets[2] - offsets[1]),
            walk(make_pack(10, 20, 30)[0])[2],
        ]


def test_a_hole_of_zeros_hides_only_the_frames_it_covers() -> None:
    pack, offsets = make_pack(1000, 1000, 1000, 1000, 1000)
    pack[offsets[1] + 5 : offsets[3] + 5] = bytes(offsets[3] - offsets[1])
    assert offsets_of(walk(pack)) == [offsets[0], offsets[4]]


def test_inserted_and_missing_bytes_hide_no_neighbour() -> None:
    pack, offsets = make_pack(100, 100, 100)
    inserted = pack[: offsets[1]] + b"rubbish" + pack[offsets[1] :]
    assert offsets_of(walk(inserted)) == [offsets[0], offsets[1] + 7, offsets[2] + 7]
    missing = pack[: offsets[1] + 50] + pack[offsets[1] + 57 :]
    assert offsets_of(walk(missing)) == [offsets[0], offsets[2] - 7]


def test_a_tail_cut_anywhere_keeps_the_frames_before_it() -> None:
    pack, offsets = make_pack(10, 20)
    for end in range(offsets[1], len(pack)):
        found = walk(pack[:end])
        assert offsets_of(found) == [offsets[0]]
        assert (found[-1] == DamagedRange(offsets[1], end - offsets[1])) == (end > offsets[1])


def test_a_damaged_pack_header_does_not_hide_the_frames() -> None:
    pack, offsets = make_pack(10, 20)
    pack[3] ^= 1
    assert offsets_of(walk(pack)) == offsets
    with pytest.raises(Damaged):
        pack_header(lambda offset, length: bytes(pack[offset : offset + length]))


def test_a_magic_number_that_straddles_two_search_windows_is_found() -> None:
    window = 1 << 20
    for shift in range(-10, 3):
        pack, offsets = make_pack(10)
        rubbish = bytes(window + shift)
        pack += rubbish
        second = len(pack)
        pack += make_frame(9, 10)
        assert offsets_of(walk(pack)) == [offsets[0], second]


def test_magic_numbers_in_rubbish_are_no_frames() -> None:
    pack, offsets = make_pack(10)
    pack += FRAME_MAGIC * 1000
    second = len(pack)
    pack += make_frame(3, 10)
    assert offsets_of(walk(pack)) == [offsets[0], second]


def test_a_header_that_promises_more_than_is_there_hides_nothing_behind_it() -> None:
    pack, offsets = make_pack(10)
    second = len(pack)
    pack += make_frame(1, 1_000_000, body=b"")
    pack += make_frame(2, 10)
    assert offsets_of(walk(pack)) == [offsets[0], second + FRAME_HEADER_BYTES]


@pytest.mark.parametrize("seed", range(200))
def test_random_damage_never_hides_a_frame_that_it_did_not_touch(seed: int) -> None:
    dice = random.Random(seed)
    pack, offsets = make_pack(*(dice.randrange(0, 400) for _ in range(12)))
    ends = [*offsets[1:], len(pack)]
    start = dice.randrange(PACK_HEADER_BYTES, len(pack))
    end = min(len(pack), start + dice.randrange(1, 600))
    pack[start:end] = dice.randbytes(end - start)
    untouched = [offset for offset, stop in zip(offsets, ends, strict=True) if stop <= start or offset >= end]
    assert set(untouched) <= set(offsets_of(walk(pack)))
