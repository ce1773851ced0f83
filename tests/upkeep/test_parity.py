"""Repair on the spot: what parity can restore is whole again after a check, and what it cannot is said."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.catalog import damage
from holdfast.catalog.pack_checks import PackToCheck
from holdfast.chunks.packs import pack_name
from holdfast.chunks.parity import parity_name
from holdfast.model.errors import Damaged, Unavailable
from tests.backends import Backend, embedded_only
from tests.upkeep.checked_store import CheckedStore, inverted


@pytest.fixture
def store(backend: Backend, tmp_path: Path) -> Iterator[CheckedStore]:
    made = CheckedStore(backend.place(tmp_path / "store"), pack_bytes_max=300_000)
    made.vault()
    yield made
    made.close()


def filled(store: CheckedStore) -> tuple[str, dict[str, bytes], list[PackToCheck]]:
    data = {f"f{n:02}": store.noise(17_000) for n in range(40)}
    uid = store.back_up(data)
    store.close_packs()
    while store.adding.step(0):
        pass
    return uid, data, store.all_packs()


@embedded_only("no pack of a bucket is ever open")
def test_every_closed_pack_is_given_parity_and_the_open_one_is_not(store: CheckedStore) -> None:
    uid, data, _ = filled(store)
    store.back_up({"late": b"late"})
    assert not store.adding.step(0)
    packs = store.all_packs()
    assert [pack.parity_percent for pack in packs] == [10] * (len(packs) - 1) + [0]
    assert set(store.parity.all_packs()) == {(pack.vault, pack.uid) for pack in packs[:-1]}
    assert store.contents(store.restore(uid)) == data


def test_damage_up_to_the_strength_of_the_parity_is_repaired_by_verifying(store: CheckedStore) -> None:
    uid, data, packs = filled(store)
    before = {pack.pack_no: store.bytes_of(pack) for pack in packs}
    # 4 KiB blocks, 74 of them and 8 of parity: a burst of 7 blocks lies in 8 at most.
    store.flip(packs[0], 100_000, 7 * 4096)
    store.flip(packs[1], 50_000)
    damaged = {pack.pack_no: store.bytes_of(pack) for pack in packs}
    found = store.verify()
    assert (found.damages, found.damaged, found.repaired) == ([], 0, 4)
    assert store.contents(store.restore(uid)) == data
    # Not by writing into a pack.
    assert {pack.pack_no: store.bytes_of(pack) for pack in packs} == damaged != before
    with store.catalog.snapshot() as tx:
        assert damage.bad_page(tx, 0, 10) == []
    assert store.verify().repaired == 0


def test_beyond_its_strength_what_is_lost_is_named_and_the_rest_is_repaired(store: CheckedStore) -> None:
    uid, data, packs = filled(store)
    store.flip(packs[0], 60_000, 12 * 4096)
    store.flip(packs[1], 60_000, 3 * 4096)
    found = store.verify()
    lost = {name for _, name, _ in found.damages}
    assert found.damages == store.unreadable({uid: sorted(data)})
    assert lost
    assert found.repaired == 2
    store.back_up({name: data[name] for name in lost}, source="again")
    assert store.verify().damages == []
    assert store.contents(store.restore(uid)) == data


def test_a_pack_that_is_gone_is_beyond_parity(store: CheckedStore) -> None:
    uid, data, packs = filled(store)
    store.lose(packs[0])
    found = store.verify()
    assert found.repaired == 0
    assert found.damages == store.unreadable({uid: sorted(data)}) != []


def test_a_crafted_parity_restores_nothing_that_fails_its_own_check(store: CheckedStore) -> None:
    """Parity is not trusted: here it was made of a pack that was altered before."""
    uid, data, packs = filled(store)
    store.flip(packs[0], 60_000, 10)
    assert packs[0].size is not None
    store.parity.make(packs[0].vault, packs[0].uid, packs[0].size, 10)
    found = store.verify()
    assert (found.damaged, found.repaired) == (1, 0)
    assert found.damages == store.unreadable({uid: sorted(data)})


def test_the_scrub_repairs_damage_and_makes_damaged_or_lost_parity_anew(store: CheckedStore) -> None:
    uid, data, packs = filled(store)
    store.flip(packs[0], 60_000, 10)
    damaged, lost = [parity_name(pack.vault, pack.uid) for pack in packs[1:3]]
    store.place.overwrite(damaged, inverted(store.place.read_blob(damaged), 9_000))
    store.place.remove(lost)
    for _ in range(100):
        store.ticks.seconds += 30 * 24 * 3600
        store.scrub.step(store.clock.now_us())
    assert all(store.parity.is_sound(pack.vault, pack.uid, pack.size or 0) for pack in packs)
    assert all(pack.verified_us for pack in store.all_packs() if pack.size is not None)
    assert store.unreadable({uid: sorted(data)}) == []


def test_parity_can_be_added_to_packs_that_exist(store: CheckedStore) -> None:
    data = {f"f{n:02}": store.noise(17_000) for n in range(40)}
    uid = store.back_up(data)
    store.packs.turn_over(store.all_packs()[0].vault)
    found = store.verify(AddParity=20)
    packs = store.all_packs()
    assert (found.parity_added, found.without_parity) == (len(packs), 0)
    assert {pack.parity_percent for pack in packs} == {20}
    store.flip(packs[0], 60_000, 10 * 4096)
    assert store.verify().damages == []
    assert store.contents(store.restore(uid)) == data
    # What was repaired went into another pack, which in a bucket is closed at once.
    assert store.verify(AddParity=20).parity_added == (1 if store.catalog.parallel else 0)
    assert store.verify(AddParity=20).parity_added == 0


def test_a_pack_that_cannot_be_read_as_a_whole_keeps_no_other_from_its_parity(store: CheckedStore) -> None:
    store.back_up({f"f{n:02}": store.noise(17_000) for n in range(40)})
    store.close_packs()
    packs = store.all_packs()
    store.change(packs[0], store.bytes_of(packs[0])[:1000])
    found = store.verify(AddParity=5)
    assert (found.parity_added, found.without_parity) == (len(packs) - 1, 1)
    with pytest.raises(Damaged):
        store.adding.step(0)
    assert not store.adding.step(0)


def test_parity_of_packs_that_are_gone_is_cleared_away(store: CheckedStore) -> None:
    _, _, packs = filled(store)
    orphan = (packs[0].vault, b"o" * 16)
    store.blobs.put(f"parity/{orphan[0].hex()}/{orphan[1].hex()}", b"left by a crash")
    store.adding._cleared = False
    store.adding.step(0)
    assert set(store.parity.all_packs()) == {(pack.vault, pack.uid) for pack in packs}


def test_a_full_disk_while_parity_is_written_leaves_a_pack_without_it(
    store: CheckedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.back_up({"a": store.noise(100_000)})
    store.close_packs()

    def full(name: str, data: bytes) -> None:
        raise Unavailable(os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(store.blobs, "put", full)
        with pytest.raises(Unavailable):
            store.adding.step(0)
    assert {pack.parity_percent for pack in store.all_packs()} == {0}
    store.ticks.seconds += 4000
    while store.adding.step(0):
        pass
    assert {pack.parity_percent for pack in store.all_packs()} == {10}


def test_a_pack_that_went_while_its_parity_was_made_leaves_none(store: CheckedStore) -> None:
    _, _, packs = filled(store)
    gone = PackToCheck(10**6, b"g" * 16, packs[0].vault, 50_000, 0, 0)
    store.blobs.put(pack_name(gone.vault, gone.uid), store.noise(50_000))
    assert store.keeper.add(gone, 10) is False
    assert (gone.vault, gone.uid) not in set(store.parity.all_packs())
