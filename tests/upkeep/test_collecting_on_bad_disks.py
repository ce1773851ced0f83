"""Every write of a collection fails once, in turn: nothing kept is lost, and the next attempt ends the work."""

import errno
import shutil
from pathlib import Path

import apsw
import pytest

from holdfast.catalog.transaction import Tx
from holdfast.model.errors import HoldfastError, Unavailable
from holdfast.testing.faulty_disk import FaultyDisk
from tests.upkeep.yard import Yard, noise

KEPT = {f"f{number}": noise(number, 3000) for number in range(6)}
VERBS = ("create", "write", "sync", "sync_directory", "remove")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Half of the only pack is dead, and nothing has been collected yet."""
    folder = tmp_path_factory.mktemp("template") / "store"
    folder.mkdir()
    yard = Yard(folder)
    yard.vault()
    job = yard.start("mail")
    yard.put(job, "dead", noise(99, 16_000))
    kept = yard.backup("home", KEPT)
    yard.delete_point(yard.backup("other", {"gone": noise(98, 4000)}))
    yard.abort(job)
    yard.close()
    return folder, kept


def opened(tmp_path: Path, template: Path, disk: FaultyDisk | None = None) -> Yard:
    shutil.rmtree(tmp_path / "store", ignore_errors=True)
    shutil.copytree(template, tmp_path / "store")
    return Yard(tmp_path / "store", disk=disk)


def attempt(yard: Yard) -> bool:
    """Whether it could be collected to the end."""
    try:
        yard.collect_all()
    except HoldfastError:
        return False
    return True


def check_all_is_well(yard: Yard, kept: str) -> None:
    assert yard.read(kept) == KEPT
    yard.check_accounts()
    yard.collect_all()
    yard.check_accounts()
    assert yard.read(kept) == KEPT
    # One copy may have been made in vain.
    assert sum(yard.pack_files().values()) < 45_000
    assert yard.number("SELECT count(*) FROM doomed_packs") == 0
    assert yard.number("SELECT count(*) FROM chunks WHERE bad = 1") == 0


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO], ids=["ENOSPC", "EIO"])
@pytest.mark.parametrize("times", [1, 2])
def test_each_change_of_the_disk_may_fail(
    tmp_path: Path, template: tuple[Path, str], verb: str, number: int, times: int
) -> None:
    clean = FaultyDisk()
    yard = opened(tmp_path, template[0], clean)
    assert attempt(yard)
    yard.close()
    calls = clean.count(verb)
    assert calls > 0
    refused = 0
    for place in range(calls):
        disk = FaultyDisk()
        disk.fail(verb, number, after=place, times=times)
        yard = opened(tmp_path, template[0], disk)
        refused += not attempt(yard)
        disk.faults.clear()
        check_all_is_well(yard, template[1])
        yard.close()
    # Frames whose pack failed once are written again, into another pack; every other failure ends the attempt.
    assert refused == calls or (times == 1 and verb != "remove")


@pytest.mark.parametrize("bytes_max", [1, 100, 5000])
def test_a_disk_that_is_full_while_frames_are_copied_loses_nothing(
    tmp_path: Path, template: tuple[Path, str], bytes_max: int
) -> None:
    disk = FaultyDisk()
    yard = opened(tmp_path, template[0], disk)
    disk.room_bytes = bytes_max
    assert not attempt(yard)
    assert yard.read(template[1]) == KEPT
    disk.room_bytes = None
    check_all_is_well(yard, template[1])
    yard.close()


class Interrupted:
    """Stops the catalog's writer after so many times five steps of its virtual machine, wherever that is."""

    def __init__(self, yard: Yard, after: int) -> None:
        self.left = after
        self.calls = 0
        self.writer: apsw.Connection = yard.catalog._writer
        self.writer.set_progress_handler(self.is_time, 5)

    def is_time(self) -> bool:
        self.calls += 1
        self.left -= 1
        return self.left == 0

    def stop(self) -> None:
        self.writer.set_progress_handler(None)


def test_each_transaction_may_be_cut_off_anywhere(tmp_path: Path, template: tuple[Path, str]) -> None:
    yard = opened(tmp_path, template[0])
    counting = Interrupted(yard, 0)
    assert attempt(yard)
    steps = counting.calls
    yard.close()
    assert steps > 200
    refused = 0
    for after in range(1, steps, max(1, steps // 40)):
        yard = opened(tmp_path, template[0])
        interrupted = Interrupted(yard, after)
        refused += not attempt(yard)
        interrupted.stop()
        check_all_is_well(yard, template[1])
        yard.close()
    assert refused >= 30


def test_a_catalog_that_is_full_refuses_and_loses_nothing(tmp_path: Path, template: tuple[Path, str]) -> None:
    yard = opened(tmp_path, template[0])

    def no_more_pages(tx: Tx, _: object) -> None:
        for _row in yard.catalog._writer.execute("PRAGMA max_page_count = 1"):
            pass
        # A table of rubbish takes up what is free.
        tx.run("CREATE TABLE rubbish (bytes BLOB)")

    with pytest.raises(Unavailable):
        yard.commits.submit((), lambda tx, _: (no_more_pages(tx, _), _fill(tx)))
    attempt(yard)
    for _row in yard.catalog._writer.execute("PRAGMA max_page_count = 1073741823"):
        pass
    check_all_is_well(yard, template[1])
    yard.close()


def _fill(tx: Tx) -> None:
    for _ in range(200):
        tx.run("INSERT INTO rubbish VALUES (zeroblob(4000))")


@pytest.mark.parametrize("steps", range(0, 16, 3))
def test_a_process_that_dies_between_two_steps_leaves_nothing_to_repair(
    tmp_path: Path, template: tuple[Path, str], steps: int
) -> None:
    yard = opened(tmp_path, template[0])
    for _ in range(steps):
        yard.collection.advance(1, 20)
    # Copied while it is open, as a crash would find it.
    (tmp_path / "after").mkdir()
    shutil.copytree(tmp_path / "store", tmp_path / "after" / "store")
    yard.close()
    again = Yard(tmp_path / "after" / "store")
    check_all_is_well(again, template[1])
    again.close()


def test_a_file_that_was_removed_before_its_row_was_forgotten_is_no_trouble(
    tmp_path: Path, template: tuple[Path, str]
) -> None:
    disk = FaultyDisk()
    yard = opened(tmp_path, template[0], disk)
    while yard.collection.sweeping.step(1) or yard.collection.collector.step(1) or yard.collection.survey.step(1):
        pass
    assert yard.collection.compactor.step(1)
    disk.fail("sync_directory", errno.EIO)
    with pytest.raises(Unavailable):
        yard.collection.doom.step(1)
    assert yard.number("SELECT count(*) FROM doomed_packs") == 1
    synced = disk.count("sync_directory")
    assert yard.collection.doom.step(1)
    # The name went the first time; only now is that durable, and only now may the row go.
    assert disk.count("sync_directory") > synced
    check_all_is_well(yard, template[1])
    yard.close()
