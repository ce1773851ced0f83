"""What is missing or damaged in the packs is named, and costs nothing but itself."""

import os

import pytest

from holdfast.blobs.local import LocalBlobs
from holdfast.model.errors import Damaged, InvalidInput, Unavailable
from holdfast.model.limits import MIB
from holdfast.packfile import read
from holdfast.packfile.layout import (
    FRAME_HEADER_BYTES,
    PACK_HEADER_BYTES,
    FrameHeader,
    Kind,
    PackHeader,
    decode_pack_header,
)
from holdfast.packfile.read import FoundFrame
from tests.backends import embedded_only
from tests.records.rig import Store, noise


def frames(data: bytes) -> list[FoundFrame]:
    found = list(read.frames(lambda offset, length: data[offset : offset + length], len(data)))
    return [one for one in found if isinstance(one, FoundFrame)]


def of_kind(store: Store, kind: Kind) -> list[tuple[str, int]]:
    """Pack and offset of each frame of that kind, oldest pack first."""
    found = [(name, one) for name in store.packs() for one in frames(store.place.read_blob(name))]
    return [(name, one.offset) for name, one in found if one.header.kind == kind]


def reopened(store: Store) -> None:
    """What is written from now on goes into other packs."""
    store.close()
    store.open()


def three_points_in_three_packs(store: Store) -> list[str]:
    arns = []
    for turn in range(3):
        reopened(store)
        arns.append(store.back_up({"always": b"a", f"n{turn}": noise(turn, 3000)}))
    return arns


def test_chunks_that_are_missing_are_named_and_the_next_upload_heals_them(store: Store) -> None:
    store.open()
    first = store.back_up({"kept": b"kept"})
    reopened(store)
    packs = set(store.packs())
    job = store.start()
    store.put(job, "a", noise(1, 2000))
    store.put_chunks(job, "b", {0: b"zero", 5: noise(1, 2000)}, MetadataBlob=b"blob")
    lost = set(store.packs()) - packs
    reopened(store)
    second = store.commit(job)
    before = store.says()
    store.close()
    for name in lost:
        store.place.remove(name)
    store.lose_catalog()
    report = store.rebuild()
    assert not report.is_whole
    assert sorted((one.object_name, one.index) for one in report.missing) == [("a", 0), ("b", -1), ("b", 0), ("b", 5)]
    assert (report.missing_chunks, report.lost, report.holds) == (4, [], [])
    assert {one.point_uid for one in report.missing} == {second.rsplit(":", 1)[1]}
    store.open()
    assert store.points() == [second, first]
    assert store.contents(first) == before[first][1]  # type: ignore[index]
    with pytest.raises(Damaged):
        store.contents(second)
    again = store.start("elsewhere")
    store.put(again, "a", noise(1, 2000))
    store.put_chunks(again, "c", {0: b"zero"}, MetadataBlob=b"blob")
    assert store.contents(second) == before[second][1]  # type: ignore[index]
    store.collect()
    assert store.contents(second) == before[second][1]  # type: ignore[index]


@pytest.mark.parametrize("how", ["pack", "body", "header"])
def test_a_manifest_that_is_missing_takes_only_what_builds_on_it(store: Store, how: str) -> None:
    first, _, third = three_points_in_three_packs(store)
    before = store.says()
    store.close()
    pack, offset = of_kind(store, Kind.MANIFEST)[1]
    packs = len(store.packs())
    if how == "pack":
        store.place.remove(pack)
    else:
        store.place.flip(pack, offset + (FRAME_HEADER_BYTES + 9 if how == "body" else 40), 6)
    store.lose_catalog()
    report = store.rebuild()
    assert [(lost.seq, lost.point_uid) for lost in report.lost] == [(2, None), (3, third.rsplit(":", 1)[1])]
    assert report.troubles_total == (0 if how == "pack" else 1)
    store.open()
    assert store.points() == [first]
    assert store.contents(first) == before[first][1]  # type: ignore[index]
    answer = store.call("CollectGarbage", Seconds=5)
    assert "holdfast" in str(answer["Hold"])
    assert len(store.packs()) == packs - (how == "pack")


def test_a_newest_manifest_that_is_damaged_holds_the_collector(store: Store) -> None:
    first, second, _ = three_points_in_three_packs(store)
    store.close()
    pack, offset = of_kind(store, Kind.MANIFEST)[2]
    store.place.flip(pack, offset + FRAME_HEADER_BYTES + 9)
    store.lose_catalog()
    report = store.rebuild()
    # Nothing builds on it, so that nobody can say which recovery point it was: but that there is something is said.
    assert report.lost == []
    assert "a recovery point may be missing" in report.holds[0]
    store.open()
    assert store.points() == [second, first]


def test_a_manifest_written_anew_brings_everything_back(store: Store) -> None:
    three_points_in_three_packs(store)
    deleted = store.points()[1]
    store.delete_point(deleted)
    store.collect()
    before = store.says()
    damaged = of_kind(store, Kind.MANIFEST)
    for pack, offset in damaged[:2]:
        store.place.flip(pack, offset + FRAME_HEADER_BYTES + 9)
    for arn in (deleted, *store.points()):
        assert store.resealer().manifest(arn.rsplit(":", 1)[1])
    assert store.says() == before
    store.close()
    store.lose_catalog()
    report = store.rebuild()
    assert report.is_whole
    assert report.troubles_total == 2
    store.open()
    assert store.says() == before
    store.collect()
    assert store.says() == before


def test_a_manifest_written_anew_stands_on_its_own_when_older_ones_are_gone(store: Store) -> None:
    first, second, third = three_points_in_three_packs(store)
    job = store.start()
    store.delete_object(job, "n0")
    fourth = store.commit(job)
    before = store.says()
    assert store.resealer().manifest(third.rsplit(":", 1)[1])
    store.close()
    pack, offset = of_kind(store, Kind.MANIFEST)[1]
    store.place.flip(pack, offset + FRAME_HEADER_BYTES + 9)
    store.lose_catalog()
    report = store.rebuild()
    assert [lost.seq for lost in report.lost] == [2]
    store.open()
    assert store.points() == [fourth, third, first]
    for arn in store.points():
        assert store.contents(arn) == before[arn][1]  # type: ignore[index]
    assert second not in store.says()


def test_a_point_that_is_gone_needs_no_manifest(store: Store) -> None:
    store.open()
    arn = store.back_up({"a": b"a"})
    store.delete_point(arn)
    store.collect()
    assert not store.resealer().manifest(arn.rsplit(":", 1)[1])
    assert not store.resealer().manifest("no-such-point")


@pytest.mark.parametrize("_", range(4))  # packs have random names, and are walked in their order
def test_of_a_chunk_in_two_packs_the_one_that_can_be_read_counts(store: Store, _: int) -> None:
    data = noise(3, 4000)
    store.open()
    arn = store.back_up({"a": data})
    [(pack, offset)] = of_kind(store, Kind.CHUNK)
    store.place.flip(pack, offset + FRAME_HEADER_BYTES + 50)
    with pytest.raises(Damaged):
        store.contents(arn)
    reopened(store)
    store.back_up({"a": data}, source="again")
    before = store.says()
    assert len(of_kind(store, Kind.CHUNK)) == 2
    store.close()
    store.lose_catalog()
    assert store.rebuild().is_whole
    store.open()
    assert store.says() == before


@embedded_only("a pack of a bucket is whole or not there: it has no tail")
@pytest.mark.parametrize("tail", [bytes(10_000), b"a chunk that was cut off"], ids=["zeros", "a cut chunk"])
def test_what_no_manifest_can_have_been_costs_nothing(store: Store, tail: bytes) -> None:
    store.open()
    store.back_up({"a": b"a", "b": noise(1, 3000)})
    before = store.says()
    store.close()
    [pack] = store.packs()
    store.place.flip(pack, 3)
    if tail.strip(b"\0"):
        [(_, offset), *_] = of_kind(store, Kind.CHUNK)
        tail = store.place.read_blob(pack)[offset : offset + 110]
    store.place.overwrite(pack, store.place.read_blob(pack) + tail)
    store.lose_catalog()
    report = store.rebuild()
    assert report.is_whole
    assert [trouble.offset == 0 or trouble.length == len(tail) for trouble in report.troubles] == [True, True]
    store.open()
    assert store.says() == before


@embedded_only("a pack of a bucket is whole or not there: it has no tail")
def test_what_may_have_been_a_manifest_holds_the_collector_until_somebody_has_looked(store: Store) -> None:
    store.open()
    store.back_up({"a": b"a"})
    before = store.says()
    store.close()
    [pack] = store.packs()
    store.place.overwrite(pack, store.place.read_blob(pack) + bytes(5000) + noise(5, 5000))
    store.lose_catalog()
    report = store.rebuild()
    assert [trouble.length for trouble in report.troubles] == [10_000]
    assert "--release-hold" in report.holds[0]
    store.open()
    assert store.says() == before


@embedded_only("a bucket holds nothing but objects, and one of that size is not made for a test")
@pytest.mark.parametrize("kind", ["FIFO", "link", "forged"])
@pytest.mark.timeout(60)
def test_a_pack_that_is_no_file_or_claims_a_frame_that_cannot_be_is_named_and_not_read(
    store: Store, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.open()
    point = store.back_up({"a": b"a"})
    store.close()
    [name] = store.packs()
    head = bytearray(store.place.read_blob(name)[:PACK_HEADER_BYTES])
    uid = bytes.fromhex(name[-32:])
    other = store.folder / "blobs" / name.replace(uid.hex(), bytes(16).hex())
    other.parent.mkdir(parents=True, exist_ok=True)
    if kind == "FIFO":
        os.mkfifo(other)
    elif kind == "link":
        other.symlink_to(store.folder / "blobs" / name)
    else:
        vault = decode_pack_header(head).vault
        frame = FrameHeader(0, Kind.MANIFEST, 1, vault, bytes(32), 2**30, 2**30, bytes(32)).encode()
        other.write_bytes(PackHeader(vault, bytes(16)).encode() + frame)
        os.truncate(other, 2**30 + 1000)
    longest = 0
    read = LocalBlobs.read

    def noted(blobs: LocalBlobs, name: str, offset: int, length: int) -> bytes:
        nonlocal longest
        longest = max(longest, length)
        return read(blobs, name, offset, length)

    monkeypatch.setattr(LocalBlobs, "read", noted)
    store.lose_catalog()
    report = store.rebuild()
    assert [one.pack for one in report.troubles] == [other.relative_to(store.folder / "blobs").as_posix()]
    assert report.holds
    assert longest <= MIB
    with store.opened():
        assert store.points() == [point]


def test_a_vault_without_keys_is_explained_and_holds_the_collector(store: Store) -> None:
    store.open()
    store.vault("photos")
    arn = store.back_up({"p": b"p"}, vault="photos")
    store.back_up({"a": b"a"})
    before = store.says()
    [uid] = {row[0] for row in store.rows("SELECT uid FROM vaults WHERE name = 'photos'")}
    store.close()
    hidden = {name: store.place.read_blob(name) for name in store.place.names(f"keys/{uid.hex()}/")}
    assert hidden
    for name in hidden:
        store.place.remove(name)
    store.lose_catalog()
    report = store.rebuild()
    assert any("holdfast key import" in hold for hold in report.holds)
    with store.opened():
        assert arn not in store.says()
        assert "key import" in str(store.call("CollectGarbage", Seconds=5)["Hold"])
    for name, data in hidden.items():
        store.place.overwrite(name, data)
    assert store.rebuild(replace=True).is_whole
    with store.opened():
        assert store.says() == before


def test_a_rebuild_does_not_begin_where_it_makes_no_sense(store: Store) -> None:
    with pytest.raises(InvalidInput, match=r"no store|no packs"):
        store.rebuild()
    with store.opened():
        store.back_up({"a": b"a"})
        with pytest.raises(Unavailable, match="in use"):
            store.rebuild()
    for name in store.packs():
        store.place.remove(name)
    with pytest.raises(InvalidInput, match="no packs"):
        store.rebuild()
