import errno
import hashlib
from pathlib import Path

import pytest

from holdfast.blobs.local import LocalBlobs
from holdfast.chunks.packs import PackSet, pack_name
from holdfast.chunks.port import Location, SealedFrame
from holdfast.chunks.store import ChunkStore
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model.errors import Damaged, Unavailable
from holdfast.packfile.layout import PACK_HEADER_BYTES, PackHeader
from holdfast.packfile.read import DamagedRange, frames, pack_header
from holdfast.testing.faulty_disk import FaultyDisk
from tests.chunks.conftest import unregistered


def chunk(number: int, size: int = 1000) -> bytes:
    return hashlib.shake_128(number.to_bytes(4, "big")).digest(size)


def sealed(store: ChunkStore, keys: VaultKeys, *numbers: int, size: int = 1000) -> list[SealedFrame]:
    return [store.seal(keys, chunk(number, size), hashlib.sha256(chunk(number, size)).digest()) for number in numbers]


def packs_of(blobs: LocalBlobs, keys: VaultKeys) -> list[str]:
    return list(blobs.list(f"packs/{keys.vault_uid.hex()}/"))


def assert_reads(store: ChunkStore, keys: VaultKeys, group: list[SealedFrame], places: list[Location]) -> None:
    for frame, place in zip(group, places, strict=True):
        data = store.read(keys, frame.chunk_id, place, frame.raw_bytes)
        assert keys.chunk_id(hashlib.sha256(data).digest()) == frame.chunk_id


def test_a_written_group_can_be_read_from_its_locations(blobs: LocalBlobs, store: ChunkStore, keys: VaultKeys) -> None:
    packs = PackSet(blobs, unregistered)
    group = sealed(store, keys, 1, 2, 3)
    assert_reads(store, keys, group, packs.write_group(group))
    more = sealed(store, keys, 4)
    assert_reads(store, keys, more, packs.write_group(more))
    assert len(packs_of(blobs, keys)) == 1


def test_a_pack_says_itself_what_is_in_it(blobs: LocalBlobs, store: ChunkStore, keys: VaultKeys) -> None:
    group = sealed(store, keys, 1, 2)
    places = PackSet(blobs, unregistered).write_group(group)
    name = pack_name(keys.vault_uid, places[0].pack)
    found = list(frames(lambda offset, length: blobs.read(name, offset, length), blobs.size(name)))
    assert pack_header(lambda offset, length: blobs.read(name, offset, length)) == PackHeader(
        keys.vault_uid, places[0].pack
    )
    assert not any(isinstance(one, DamagedRange) for one in found)
    assert [one.offset for one in found] == [place.offset for place in places]
    assert places[0].offset == PACK_HEADER_BYTES


def test_a_group_is_synced_once_per_pack_and_before_it_returns(
    disk: FaultyDisk, blobs: LocalBlobs, store: ChunkStore, keys: VaultKeys
) -> None:
    packs = PackSet(blobs, unregistered)
    packs.write_group(sealed(store, keys, 1))
    disk.calls.clear()
    packs.write_group(sealed(store, keys, *range(2, 50)))
    assert [verb for verb, _ in disk.calls] == ["write", "sync"]


def test_a_new_pack_and_its_directory_entry_are_durable_before_its_frames_are_acknowledged(
    tmp_path: Path, disk: FaultyDisk, blobs: LocalBlobs, store: ChunkStore, keys: VaultKeys
) -> None:
    (place,) = PackSet(blobs, unregistered).write_group(sealed(store, keys, 1))
    path = tmp_path / "store" / pack_name(keys.vault_uid, place.pack)
    assert disk.calls[-5:] == [
        ("create", path),
        ("sync_directory", path.parent),
        ("write", path),
        ("write", path),
        ("sync", path),
    ]


def test_vaults_never_share_a_pack(
    blobs: LocalBlobs, store: ChunkStore, keys: VaultKeys, other_keys: VaultKeys
) -> None:
    mine, theirs = sealed(store, keys, 1, 2), sealed(store, other_keys, 1, 2)
    mixed = [mine[0], theirs[0], mine[1], theirs[1]]
    places = PackSet(blobs, unregistered).write_group(mixed)
    assert_reads(store, keys, mine, [places[0], places[2]])
    assert_reads(store, other_keys, theirs, [places[1], places[3]])
    assert places[0].pack == places[2].pack != places[1].pack == places[3].pack


def test_a_full_pack_is_followed_by_a_new_one_in_the_middle_of_a_group(
    tmp_path: Path, blobs: LocalBlobs, store: ChunkStore, keys: VaultKeys
) -> None:
    packs = PackSet(blobs, unregistered, pack_bytes_max=5000)
    group = sealed(store, keys, *range(20))
    places = packs.write_group(group)
    assert_reads(store, keys, group, places)
    assert len(packs_of(blobs, keys)) == 5
    assert all(blobs.size(name) <= 5000 for name in packs_of(blobs, keys))


def test_a_frame_larger_than_a_pack_has_one_to_itself(blobs: LocalBlobs, store: ChunkStore, keys: VaultKeys) -> None:
    packs = PackSet(blobs, unregistered, pack_bytes_max=5000)
    group = sealed(store, keys, 1) + sealed(store, keys, 2, size=20_000) + sealed(store, keys, 3)
    places = packs.write_group(group)
    assert_reads(store, keys, group, places)
    assert len({place.pack for place in places}) == 3


def test_only_so_many_packs_are_open(blobs: LocalBlobs, store: ChunkStore, ring: object, keys: VaultKeys) -> None:
    packs = PackSet(blobs, unregistered, open_packs_max=1)
    other = VaultKeys(b"o" * 16, b"i" * 32, b"s" * 32, {1: b"f" * 32})
    for number in range(3):
        packs.write_group(sealed(store, keys, number))
        packs.write_group(sealed(store, other, number))
    assert len(packs_of(blobs, keys)) == 3
    assert len(packs._open) == 1


def test_a_later_process_never_appends_to_a_pack_of_an_earlier_one(
    blobs: LocalBlobs, store: ChunkStore, keys: VaultKeys
) -> None:
    (first,) = PackSet(blobs, unregistered).write_group(sealed(store, keys, 1))
    size = blobs.size(pack_name(keys.vault_uid, first.pack))
    (second,) = PackSet(blobs, unregistered).write_group(sealed(store, keys, 2))
    assert first.pack != second.pack
    assert blobs.size(pack_name(keys.vault_uid, first.pack)) == size


@pytest.mark.parametrize(("verb", "error"), [("sync", errno.EIO), ("write", errno.ENOSPC), ("write", errno.EIO)])
def test_a_pack_that_failed_is_abandoned_with_what_it_holds(
    disk: FaultyDisk, blobs: LocalBlobs, store: ChunkStore, keys: VaultKeys, verb: str, error: int
) -> None:
    packs = PackSet(blobs, unregistered)
    kept = sealed(store, keys, 1)
    places = packs.write_group(kept)
    disk.fail(verb, error)
    with pytest.raises(Unavailable):
        packs.write_group(sealed(store, keys, 2))
    disk.calls.clear()
    again = sealed(store, keys, 2)
    later = packs.write_group(again)
    assert later[0].pack != places[0].pack
    assert pack_name(keys.vault_uid, places[0].pack) not in str(disk.calls)
    assert_reads(store, keys, kept + again, places + later)


@pytest.mark.parametrize("verb", ["create", "sync_directory", "write", "sync"])
def test_a_pack_in_which_nothing_was_acknowledged_is_removed_when_it_fails(
    disk: FaultyDisk, blobs: LocalBlobs, store: ChunkStore, keys: VaultKeys, verb: str
) -> None:
    packs = PackSet(blobs, unregistered)
    packs.write_group(sealed(store, keys, 0))
    packs._abandon(keys.vault_uid)
    before = packs_of(blobs, keys)
    disk.fail(verb, errno.EIO)
    with pytest.raises(Unavailable):
        packs.write_group(sealed(store, keys, 1))
    assert len(packs_of(blobs, keys)) - len(before) <= (verb == "sync_directory")


def test_a_failure_in_one_vault_leaves_the_packs_of_others_in_use(
    disk: FaultyDisk, blobs: LocalBlobs, store: ChunkStore, keys: VaultKeys, other_keys: VaultKeys
) -> None:
    packs = PackSet(blobs, unregistered)
    (mine,) = packs.write_group(sealed(store, keys, 1))
    (theirs,) = packs.write_group(sealed(store, other_keys, 1))
    disk.fail("sync", errno.EIO, after=1)
    with pytest.raises(Unavailable):
        packs.write_group(sealed(store, keys, 2) + sealed(store, other_keys, 2))
    group = sealed(store, keys, 3) + sealed(store, other_keys, 3)
    places = packs.write_group(group)
    assert places[0].pack == mine.pack
    assert places[1].pack != theirs.pack
    assert_reads(store, keys, group[:1], places[:1])
    assert_reads(store, other_keys, group[1:], places[1:])


def test_a_closed_set_refuses_and_leaves_what_it_wrote(blobs: LocalBlobs, store: ChunkStore, keys: VaultKeys) -> None:
    packs = PackSet(blobs, unregistered)
    group = sealed(store, keys, 1)
    places = packs.write_group(group)
    packs.close()
    with pytest.raises(Unavailable, match="stopping"):
        packs.write_group(sealed(store, keys, 2))
    assert_reads(store, keys, group, places)


def test_a_lost_cut_or_flipped_pack_is_damage_that_names_it(
    tmp_path: Path, blobs: LocalBlobs, store: ChunkStore, keys: VaultKeys
) -> None:
    (frame,) = group = sealed(store, keys, 1)
    (place,) = PackSet(blobs, unregistered).write_group(group)
    name = pack_name(keys.vault_uid, place.pack)
    path = tmp_path / "store" / name
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(Damaged, match=f"offset 48 of {name}: 1123 of 1124 bytes"):
        store.read(keys, frame.chunk_id, place, 1000)
    path.write_bytes(whole[:500] + bytes([whole[500] ^ 1]) + whole[501:])
    with pytest.raises(Damaged, match=name):
        store.read(keys, frame.chunk_id, place, 1000)
    blobs.delete(name)
    with pytest.raises(Damaged, match="missing"):
        store.read(keys, frame.chunk_id, place, 1000)
