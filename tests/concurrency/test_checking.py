"""Verify, scrub and parity against everything that moves, heals and removes: what is sound is never called damaged."""

import contextlib
import itertools

import pytest

from holdfast.catalog import frames, pack_checks
from holdfast.catalog.frames import StoredFrame
from holdfast.catalog.pack_checks import PackToCheck
from holdfast.chunks.packs import pack_name
from holdfast.model.errors import Damaged
from holdfast.upkeep.adding_parity import ParityKeeper
from holdfast.upkeep.scrub import Scrub
from tests.concurrency.stage import Stage
from tests.concurrency.waste import DEAD, KEPT, wasteful


def packs_of(stage: Stage) -> list[PackToCheck]:
    found: list[PackToCheck] = []
    with stage.catalog.snapshot() as tx:
        while pack := pack_checks.following(tx, found[-1].pack_no + 1 if found else 0, 10**9):
            found.append(pack)
    return found


def frames_of(stage: Stage) -> list[StoredFrame]:
    with stage.catalog.snapshot() as tx:
        return frames.of_numbers(tx, [row[0] for row in tx.all("SELECT chunk_no FROM chunks")])


def spoil(stage: Stage, frame: StoredFrame) -> str:
    """Flips a bit of the frame; the name of its pack."""
    name = pack_name(frame.vault, frame.pack)
    stage.place.flip(name, frame.frame_offset + frame.frame_bytes // 2)
    return name


def test_frames_that_are_moved_while_they_are_checked_are_not_damaged(stage: Stage) -> None:
    reading = wasteful(stage)
    chosen = frames_of(stage)
    stage.stops.before("read", stage.compact)
    checked = stage.checker().check(chosen)
    assert stage.stops.all_reached
    assert checked.damaged == 0
    assert stage.count("chunks WHERE bad = 1") == 0
    assert stage.contents(reading) == {"x": KEPT}


def test_frames_that_are_collected_while_they_are_checked_are_not_damaged(stage: Stage) -> None:
    wasteful(stage)
    (point,) = stage.points()
    chosen = frames_of(stage)

    def vanish() -> None:
        stage.close_packs()
        stage.delete_point(point)
        stage.compact()

    stage.stops.before("read", vanish)
    assert stage.checker().check(chosen).damaged == 0
    assert stage.stops.all_reached


@pytest.mark.parametrize("step", ["snapshot", "submit"])
def test_a_frame_that_is_healed_while_it_is_found_damaged_stays_good(stage: Stage, step: str) -> None:
    reading = wasteful(stage)
    [frame] = [frame for frame in frames_of(stage) if frame.raw_bytes == len(KEPT)]
    spoil(stage, frame)

    def heal() -> None:
        stage.commits.submit((), lambda tx, _: frames.mark(tx, [frame], bad=True))
        stage.put(stage.start("third"), "z", KEPT)

    stage.stops.before(step, heal)
    stage.checker().check([frame])
    assert stage.stops.all_reached
    assert stage.count("chunks WHERE bad = 1") == 0
    assert stage.contents(reading) == {"x": KEPT}


def test_a_damaged_frame_is_a_duplicate_of_nothing_from_the_moment_that_it_is_marked(stage: Stage) -> None:
    """An upload has found its chunk in the vault; the scrub finds the frame damaged before the upload refers to it."""
    reading = wasteful(stage)
    [frame] = [frame for frame in frames_of(stage) if frame.raw_bytes == len(KEPT)]
    spoil(stage, frame)
    job = stage.start("third")

    def scrub() -> None:
        assert stage.checker().check([frame]).damaged == 1

    stage.stops.before("submit", scrub)
    stage.slow("PutObject", BackupJobId=job, ObjectName="z", InlineChunk=KEPT)
    assert stage.stops.all_reached
    assert stage.contents(job) == {"z": KEPT}
    assert stage.contents(reading) == {"x": KEPT}


def test_a_damaged_frame_that_is_being_copied_is_marked_by_one_and_left_by_the_other(stage: Stage) -> None:
    wasteful(stage)
    [frame] = [frame for frame in frames_of(stage) if frame.raw_bytes == len(KEPT)]
    name = spoil(stage, frame)
    stage.stops.before("submit", lambda: stage.checker().check([frame]))
    stage.care(slow=True).compact()
    assert stage.stops.all_reached
    assert stage.count("chunks WHERE bad = 1") == 1
    stage.clean()
    assert name in stage.pack_files()


def test_a_pack_that_goes_while_it_is_scrubbed_gets_no_date_and_no_blame(stage: Stage) -> None:
    wasteful(stage)
    checker = stage.checker()
    months = itertools.count(0.0, 30 * 86400.0)
    scrub = Scrub(checker, ParityKeeper(checker.catalog, checker.commits, checker.parity), 30, lambda: next(months))
    stage.stops.before("read", stage.compact)
    for _ in range(9):
        scrub.step(stage.clock.now_us())
    assert stage.stops.all_reached
    assert stage.count("chunks WHERE bad = 1") == 0


@pytest.mark.parametrize("step", ["read", "put", "submit"])
def test_parity_of_a_pack_that_goes_while_it_is_made_does_not_stay(stage: Stage, step: str) -> None:
    pytest.importorskip("zfec")
    wasteful(stage)
    checker = stage.checker()
    keeper = ParityKeeper(checker.catalog, checker.commits, checker.parity)
    pack = next(pack for pack in packs_of(stage) if pack.size is not None)
    stage.stops.before(step, stage.compact)
    with contextlib.suppress(Damaged):
        assert not keeper.add(pack, 10)
    assert stage.stops.all_reached
    assert list(stage.blobs.list("parity/")) == []


def test_a_frame_that_is_moved_while_it_is_restored_from_parity_is_whole(stage: Stage) -> None:
    pytest.importorskip("zfec")
    reading = wasteful(stage)
    checker = stage.checker()
    keeper = ParityKeeper(checker.catalog, checker.commits, checker.parity)
    for pack in packs_of(stage):
        if pack.size is not None:
            assert keeper.add(pack, 20)
    [frame] = [frame for frame in frames_of(stage) if frame.raw_bytes == len(KEPT)]
    spoil(stage, frame)

    def heal() -> None:
        stage.commits.submit((), lambda tx, _: frames.mark(tx, [frame], bad=True))
        stage.put(stage.start("third"), "z", KEPT)

    stage.stops.before("submit", heal)
    checker.check([frame])
    assert stage.stops.all_reached
    assert stage.count("chunks WHERE bad = 1") == 0
    assert stage.contents(reading) == {"x": KEPT}


def test_a_key_that_is_rotated_while_frames_are_checked_condemns_none(stage: Stage) -> None:
    wasteful(stage)
    chosen = frames_of(stage)
    stage.stops.before("read", stage.rotate_key)
    assert stage.checker().check(chosen).damaged == 0
    stage.put(stage.start("third"), "z", DEAD)
    assert stage.checker().check(frames_of(stage)).damaged == 0
