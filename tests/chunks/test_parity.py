"""Parity on real files: what it restores, what it refuses, and that what it gives was there before."""

import random
from pathlib import Path

import pytest

from holdfast.blobs.local import LocalBlobs
from holdfast.chunks import reed_solomon
from holdfast.chunks.packs import pack_name
from holdfast.chunks.parity import Parity, parity_name
from holdfast.model.errors import Damaged, Unavailable
from holdfast.packfile.parity import plan

VAULT, PACK = b"v" * 16, b"p" * 16
BLOCK = 4096


class Place:
    """A pack of noise with parity, and its two files."""

    def __init__(self, folder: Path, size: int, percent: int) -> None:
        self.blobs = LocalBlobs(folder)
        self.data = random.Random(size).randbytes(size)
        self.blobs.put(pack_name(VAULT, PACK), self.data)
        self.parity = Parity(self.blobs)
        self.parity_bytes = self.parity.make(VAULT, PACK, size, percent)
        self.head = plan(VAULT, PACK, size, percent)
        self.pack_path = folder / pack_name(VAULT, PACK)
        self.parity_path = folder / parity_name(VAULT, PACK)

    def damage(self, offset: int, length: int, path: Path | None = None) -> None:
        path = path or self.pack_path
        data = bytearray(path.read_bytes())
        data[offset : offset + length] = bytes(byte ^ 0xA5 for byte in data[offset : offset + length])
        path.write_bytes(data)

    def restored(self, offset: int, length: int) -> bytes:
        return self.parity.restoration(VAULT, PACK).read(offset, length)

    def whole(self) -> bytes:
        return self.restored(0, len(self.data))


@pytest.mark.parametrize("size", [1, 48, 4095, 4096, 4097, 100_000, 700_001, 2_000_000])
@pytest.mark.parametrize("percent", [1, 5, 50])
def test_a_burst_of_as_many_blocks_as_there_are_parity_blocks_is_restored(
    tmp_path: Path, size: int, percent: int
) -> None:
    place = Place(tmp_path, size, percent)
    assert place.parity_bytes == place.head.blob_bytes == place.parity_path.stat().st_size
    blocks = min(place.head.parity_blocks, place.head.data_blocks)
    start = place.head.data_blocks // 2 * (place.head.data_blocks > blocks * 2)
    place.damage(start * place.head.block_bytes, blocks * place.head.block_bytes)
    assert place.pack_path.read_bytes() != place.data
    assert place.whole() == place.data


def test_one_block_more_is_refused_and_everything_else_is_still_restored(tmp_path: Path) -> None:
    place = Place(tmp_path, 60 * BLOCK, 5)
    assert (place.head.parity_shards, place.head.stripes) == (3, 1)
    place.damage(10 * BLOCK, 4 * BLOCK)
    with pytest.raises(Damaged, match="4 of 60 blocks of 4096 bytes that belong together are lost, and 3 of their 3"):
        place.restored(10 * BLOCK, 1)
    assert place.restored(0, 10 * BLOCK) == place.data[: 10 * BLOCK]
    assert place.restored(14 * BLOCK, 100) == place.data[14 * BLOCK : 14 * BLOCK + 100]


def test_random_damage_is_restored_rightly_or_refused_never_wrongly(tmp_path: Path) -> None:
    place = Place(tmp_path, 500_000, 10)
    pack, parity = place.pack_path.read_bytes(), place.parity_path.read_bytes()
    dice = random.Random(11)
    outcomes = set()
    for _ in range(60):
        place.pack_path.write_bytes(pack)
        place.parity_path.write_bytes(parity)
        for _ in range(dice.randrange(1, 14)):
            path = place.pack_path if dice.random() < 0.7 else place.parity_path
            length = dice.choice([1, 100, 5000])
            place.damage(dice.randrange(path.stat().st_size), length, path)
        lost = [n for n in range(place.head.data_blocks) if not _same(place, pack, n)]
        try:
            assert place.whole() == place.data
            outcomes.add("restored" if lost else "untouched")
        except Damaged:
            outcomes.add("refused")
    assert outcomes >= {"restored", "refused"}


def _same(place: Place, pack: bytes, block: int) -> bool:
    size = place.head.block_bytes
    return place.pack_path.read_bytes()[block * size : (block + 1) * size] == pack[block * size : (block + 1) * size]


def test_a_pack_that_was_cut_short_is_restored_as_far_as_parity_goes(tmp_path: Path) -> None:
    place = Place(tmp_path, 60 * BLOCK - 5, 5)
    with place.pack_path.open("r+b") as file:
        file.truncate(57 * BLOCK)
    assert place.whole() == place.data
    with place.pack_path.open("r+b") as file:
        file.truncate(56 * BLOCK)
    with pytest.raises(Damaged):
        place.whole()


def test_nothing_is_restored_of_a_pack_that_is_gone(tmp_path: Path) -> None:
    place = Place(tmp_path, 30_000, 50)
    place.pack_path.unlink()
    place.blobs.close()
    with pytest.raises(Damaged, match="are lost"):
        place.whole()


def test_either_end_of_a_parity_blob_is_enough(tmp_path: Path) -> None:
    place = Place(tmp_path, 60 * BLOCK, 5)
    sound = place.parity_path.read_bytes()
    place.damage(7 * BLOCK, BLOCK)
    first, second = place.head.table_offsets
    for offset, length in ((0, first), (first, 16), (second, 16), (second + place.head.table_bytes, 200)):
        place.damage(offset, length, place.parity_path)
        assert place.whole() == place.data
        assert not place.parity.is_sound(VAULT, PACK, len(place.data))
        place.parity_path.write_bytes(sound)
    assert place.parity.is_sound(VAULT, PACK, len(place.data))


def test_parity_that_is_missing_short_or_of_another_pack_is_refused(tmp_path: Path) -> None:
    place = Place(tmp_path, 40_000, 5)
    other = Place(tmp_path / "other", 40_001, 5)
    assert not place.parity.is_sound(VAULT, PACK, 39_999)
    place.parity_path.write_bytes(other.parity_path.read_bytes())
    assert not place.parity.is_sound(VAULT, PACK, 40_000)
    twin = b"t" * 16
    place.blobs.put(pack_name(VAULT, twin), place.data)
    place.parity.make(VAULT, twin, 40_000, 5)
    place.parity_path.write_bytes(place.parity_path.with_name(twin.hex()).read_bytes())
    assert not place.parity.is_sound(VAULT, PACK, 40_000)
    with pytest.raises(Damaged, match="another pack"):
        place.whole()
    place.parity_path.write_bytes(b"")
    with pytest.raises(Damaged):
        place.whole()
    place.parity.delete(VAULT, PACK)
    with pytest.raises(Damaged, match="missing"):
        place.whole()
    assert not place.parity.is_sound(VAULT, PACK, 40_000)


@pytest.mark.parametrize("step", [1, 977])
def test_no_flip_in_a_parity_blob_goes_unnoticed(tmp_path: Path, step: int) -> None:
    place = Place(tmp_path, 6_000, 50)
    sound = place.parity_path.read_bytes()
    for offset in range(0, min(len(sound), 150) if step == 1 else len(sound), step):
        place.damage(offset, 1, place.parity_path)
        assert not place.parity.is_sound(VAULT, PACK, 6_000)
        place.parity_path.write_bytes(sound)


def test_parity_that_a_crash_left_over_is_made_anew(tmp_path: Path) -> None:
    place = Place(tmp_path, 40_000, 5)
    place.parity_path.write_bytes(b"rubbish")
    place.parity.make(VAULT, PACK, 40_000, 20)
    assert place.parity.is_sound(VAULT, PACK, 40_000)
    assert list(place.parity.all_packs()) == [(VAULT, PACK)]


def test_a_pack_that_cannot_be_read_as_a_whole_is_given_no_parity(tmp_path: Path) -> None:
    place = Place(tmp_path, 40_000, 5)
    with place.pack_path.open("r+b") as file:
        file.truncate(20_000)
    with pytest.raises(Damaged, match="verify the store first"):
        place.parity.make(VAULT, PACK, 40_000, 5)


def test_without_the_library_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "zfec", None)
    with pytest.raises(Unavailable, match=r"pip install 'holdfast\[parity\]'"):
        reed_solomon.require()
