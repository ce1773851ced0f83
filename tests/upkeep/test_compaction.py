from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.catalog import chunk_index, packs
from holdfast.catalog.packs import PackRow
from holdfast.model.errors import HoldfastError, Unavailable, UnusableKey
from holdfast.upkeep.compaction_plan import SMALL_PACKS_MIN, Reason, plan
from holdfast.upkeep.compactor import Compactor
from holdfast.upkeep.gain import Gain
from tests.backends import Backend
from tests.upkeep.yard import Yard, noise


def pack(number: int, total: int, dead: int, *, vault: int = 1, old_key: int = 0) -> PackRow:
    return PackRow(number, bytes([number]), vault, bytes([vault]), total, dead, old_key)


def test_the_plan_takes_first_what_gives_most_for_what_is_copied() -> None:
    chosen = plan([pack(1, 1000, 300), pack(2, 100_000, 90_000), pack(3, 500, 250)], [], [])
    assert [(choice.pack.pack_no, choice.reason) for choice in chosen] == [
        (2, Reason.DEAD_SPACE),
        (3, Reason.DEAD_SPACE),
        (1, Reason.DEAD_SPACE),
    ]
    assert [choice.live_bytes for choice in chosen] == [9_952, 202, 652]


def test_the_plan_names_each_pack_once_and_small_ones_only_in_numbers() -> None:
    few = [pack(number, 500, 0, vault=2) for number in range(SMALL_PACKS_MIN - 1)]
    many = [pack(100 + number, 500, 0) for number in range(SMALL_PACKS_MIN)]
    chosen = plan([many[3]], [pack(99, 500, 0, old_key=1), many[3]], few + many)
    assert [choice.pack.pack_no for choice in chosen] == [103, 99, 100, 101, 102, *range(104, 100 + SMALL_PACKS_MIN)]
    assert [choice.reason for choice in chosen[:3]] == [Reason.DEAD_SPACE, Reason.OLD_KEY, Reason.SMALL]


OBJECTS = {f"f{number}": noise(number, 9000) for number in range(12)}


@pytest.fixture
def half_dead(backend: Backend, tmp_path: Path) -> Iterator[tuple[Yard, str]]:
    """A store with a pack that is half dead, all of it collected and measured; and the kept recovery point."""
    yard = Yard(backend.place(tmp_path / "store"))
    yard.vault()
    job = yard.start("home")
    sent = {}
    for number, (name, data) in enumerate(OBJECTS.items()):
        sent |= {f"dead{number}": noise(100 + number, 8000), name: data}
    yard.put_together(job, sent)
    for number in range(12):
        yard.call("DeleteObject", BackupJobId=job, ObjectName=f"dead{number}")
    kept = yard.commit(job)
    yard = yard.reopened()
    while any(worker.step(1) for worker in yard.collection.workers()[:4]):
        pass
    assert yard.number("SELECT count(*) FROM chunks") == 12 + 1
    yard.check_accounts()
    opened = [yard]
    yield yard, kept
    opened[0].close()


def old_pack(yard: Yard) -> str:
    """The one that is half dead."""
    files = yard.pack_files()
    return max(files, key=files.__getitem__)


def objects_of(kept: dict[str, bytes]) -> bool:
    return kept == OBJECTS


def test_compaction_copies_what_lives_and_the_old_pack_goes(half_dead: tuple[Yard, str]) -> None:
    yard, kept = half_dead
    old = old_pack(yard)
    gain = yard.collect_all()
    new = old_pack(yard)
    assert old not in yard.pack_files()
    assert (gain.compacted_packs, gain.removed_packs, gain.damaged_frames) == (1, 1, 0)
    assert gain.copied_bytes == yard.pack_files()[new] - 48
    assert objects_of(yard.read(kept))
    yard.check_accounts()
    assert yard.collect_all() == Gain()


def test_below_the_threshold_nothing_is_copied(half_dead: tuple[Yard, str]) -> None:
    yard, _ = half_dead
    before = yard.pack_files()
    assert yard.collection.compactor.compact(60) is None
    assert yard.pack_files() == before
    assert yard.collection.compactor.compact(40) is not None


def test_a_batch_is_bounded_and_the_next_step_goes_on(half_dead: tuple[Yard, str]) -> None:
    yard, kept = half_dead
    small = Compactor(yard.catalog, yard, yard.store.chunks, yard.ring, batch_bytes=20_000)
    steps = []
    while gain := small.step(1):
        steps.append(gain.copied_bytes)
        assert objects_of(yard.read(kept))
    # Two of 9 kB each; and with the last the small manifest, where it is in the pack too.
    assert len(steps) == 6 and max(steps) <= 20_000
    yard.collect_all()
    yard.check_accounts()
    assert objects_of(yard.read(kept))


def test_nothing_is_copied_while_a_file_could_not_be_removed(half_dead: tuple[Yard, str]) -> None:
    yard, _ = half_dead
    step = "INSERT INTO doomed_packs (uid, vault_uid) VALUES (:uid, :uid)"
    yard.commits.submit((), lambda tx, _: tx.run(step, {"uid": b"0"}))
    assert yard.collection.compactor.step(1) is None


def flip(yard: Yard, name: str, object_name: str) -> None:
    """Damages the frame that the object's chunk stands in."""
    [(offset, length)] = yard.fetch(
        "SELECT c.frame_offset, c.frame_bytes FROM objects o JOIN object_chunks r USING (object_no)"
        f" JOIN chunks c USING (chunk_no) WHERE o.name = '{object_name}' AND o.state = 'WHOLE'"
    )
    yard.place.flip(name, int(str(offset)) + int(str(length)) // 2)


def test_a_damaged_frame_is_marked_and_left_and_its_pack_not_chosen_again(half_dead: tuple[Yard, str]) -> None:
    yard, kept = half_dead
    old = old_pack(yard)
    flip(yard, old, "f5")
    gain = yard.collect_all()
    assert (gain.damaged_frames, gain.removed_packs) == (1, 0)
    assert yard.fetch("SELECT bad, count(*) FROM chunks GROUP BY bad")[1] == (1, 1)
    assert old in yard.pack_files()
    assert yard.collect_all() == Gain()
    yard.check_accounts()
    # The same bytes once more heal the object, and then the old pack goes.
    yard.backup("mail", {"again": noise(5, 9000)})
    assert objects_of(yard.read(kept))
    assert yard.collect_all().removed_packs == 1
    assert old not in yard.pack_files()
    yard.check_accounts()


def test_a_missing_pack_marks_its_chunks_and_ends_in_no_loop(half_dead: tuple[Yard, str]) -> None:
    yard, kept = half_dead
    old = old_pack(yard)
    pack = yard.place.read_blob(old)
    yard.place.remove(old)
    yard.collect_all()
    assert yard.number("SELECT count(*) FROM chunks WHERE bad = 0 AND raw_bytes = 9000") == 0
    yard.blobs.put(old, pack)
    yard.place.overwrite(old, pack)
    assert objects_of(yard.read(kept))


def test_a_chunk_that_was_healed_while_it_was_copied_stays_where_it_was_healed(half_dead: tuple[Yard, str]) -> None:
    yard, kept = half_dead
    places = "SELECT chunk_no, pack_no, frame_offset FROM chunks WHERE raw_bytes = 9000 ORDER BY chunk_no"
    healed: list[tuple[object, ...]] = []

    def heal_first() -> None:
        yard.before_submit = lambda: None
        yard.commits.submit((), lambda tx, _: tx.run("UPDATE chunks SET bad = 1"))
        yard.backup("mail", {f"f{number}": noise(number, 9000) for number in range(12)})
        healed.extend(yard.fetch(places))

    yard.before_submit = heal_first
    assert yard.collection.compactor.step(1)
    assert yard.fetch(places) == healed
    assert len({pack_no for _, pack_no, _ in healed}) == (12 if yard.catalog.parallel else 1)
    yard.collect_all()
    yard.check_accounts()
    assert objects_of(yard.read(kept))


def test_after_a_rotation_frames_are_sealed_under_the_newer_key(half_dead: tuple[Yard, str]) -> None:
    yard, kept = half_dead
    yard.collect_all()
    [(vault_uid,)] = yard.fetch("SELECT uid FROM vaults")
    assert isinstance(vault_uid, bytes)
    yard.ring.rotate(vault_uid)
    yard.packs.turn_over(vault_uid)
    yard.commits.submit((), lambda tx, _: tx.run("UPDATE packs SET old_key = 1"))
    old = yard.pack_files()
    assert yard.collect_all().compacted_packs == len(old)
    new = yard.pack_files()
    assert not new.keys() & old.keys()
    for name in new:
        assert yard.place.read_blob(name)[48 + 12 : 48 + 16] == (2).to_bytes(4, "big")  # of the first frame's key
    assert objects_of(yard.read(kept))
    assert yard.collect_all() == Gain()


def test_many_small_packs_become_one(backend: Backend, tmp_path: Path) -> None:
    yard = Yard(backend.place(tmp_path / "store"))
    yard.vault()
    points = {}
    for number in range(SMALL_PACKS_MIN):
        points[yard.backup(f"s{number}", {"a": noise(number, 3000)})] = number
        yard = yard.reopened()
    # In a bucket each manifest has a pack of its own, too.
    assert yard.collect_all().compacted_packs == SMALL_PACKS_MIN * (2 if yard.catalog.parallel else 1)
    assert len(yard.pack_files()) == 1
    for uid, number in points.items():
        assert yard.read(uid) == {"a": noise(number, 3000)}
    yard.check_accounts()
    yard.close()


def test_a_vault_whose_keys_cannot_be_used_keeps_no_other_waiting(half_dead: tuple[Yard, str]) -> None:
    yard, kept = half_dead
    told: list[HoldfastError] = []

    class Refusing:
        def open(self, vault_uid: bytes) -> object:
            raise UnusableKey("the key is disabled")

    refused = Compactor(yard.catalog, yard, yard.store.chunks, Refusing(), told.append)  # type: ignore[arg-type]
    before = yard.pack_files()
    for _ in range(5):
        refused.step(1)
    assert [error.message for error in told] == ["the key is disabled"]
    assert yard.pack_files() == before
    assert objects_of(yard.read(kept))


def test_packs_of_a_vault_without_keys_are_not_chosen(half_dead: tuple[Yard, str]) -> None:
    yard, _ = half_dead
    yard.commits.submit((), lambda tx, _: tx.run("UPDATE vaults SET shredded_us = 1"))
    assert yard.collection.compactor.step(1) is None


def test_a_reader_follows_a_chunk_to_where_it_was_moved(half_dead: tuple[Yard, str]) -> None:
    from holdfast.dataplane.job_refs import vault_of
    from holdfast.dataplane.reading import read_chunk

    yard, _ = half_dead
    with yard.catalog.snapshot() as tx:
        rows = [
            chunk_index.find_by_number(tx, 1, number)
            for (number,) in tx.all("SELECT chunk_no FROM chunks WHERE raw_bytes = 9000")
        ]
    assert yard.collect_all().removed_packs == 1
    keys = vault_of(yard.store, yard.start("home")).keys
    assert sorted(read_chunk(yard.store, keys, row) for row in rows if row) == sorted(noise(n, 9000) for n in range(12))
    assert yard.number("SELECT count(*) FROM chunks WHERE bad = 1") == 0


def test_a_pack_is_doomed_only_while_it_is_empty(half_dead: tuple[Yard, str]) -> None:
    yard, _ = half_dead
    before = yard.pack_files()
    for (pack_no,) in yard.fetch("SELECT pack_no FROM packs"):
        assert not yard.commits.submit((), lambda tx, _, pack_no=pack_no: packs.doom(tx, pack_no, 1))  # type: ignore[misc]
    assert yard.pack_files() == before


def test_after_a_failure_the_background_rests_and_a_caller_need_not(half_dead: tuple[Yard, str]) -> None:
    yard, kept = half_dead

    def refuse() -> None:
        raise Unavailable("the disk is full")

    yard.before_submit = refuse
    with pytest.raises(Unavailable):
        yard.collection.compactor.step(1)
    yard.before_submit = lambda: None
    assert yard.collection.compactor.step(1) is None
    assert yard.collection.compactor.compact(20) is not None
    assert objects_of(yard.read(kept))
