"""A log that is cut off in its middle is not forgotten in silence; one whose end a power cut spoiled is no damage."""

import random
import shutil
from pathlib import Path

import pytest

from holdfast.catalog.sqlite import SqliteCatalog
from holdfast.model.errors import Unavailable

HEADER, STRIDE = 32, 24 + 4096


def count(path: Path) -> int:
    catalog = SqliteCatalog(path)
    try:
        with catalog.snapshot() as tx:
            return len(tx.all("SELECT number FROM things"))
    finally:
        catalog.close()


def commits(log: bytes) -> list[int]:
    """The numbers of the frames that end a transaction."""
    return [
        number
        for number in range((len(log) - HEADER) // STRIDE)
        if log[HEADER + number * STRIDE + 4 : HEADER + number * STRIDE + 8] != bytes(4)
    ]


@pytest.fixture
def crashed(tmp_path: Path) -> Path:
    """A catalog with a log of twenty transactions, as a process that was killed leaves it."""
    live = tmp_path / "live"
    live.mkdir()
    catalog = SqliteCatalog(live / "catalog")
    catalog.run([lambda tx: tx.run("CREATE TABLE things (number INTEGER PRIMARY KEY, text TEXT NOT NULL)")])
    # One life of the log is over: older frames stand behind the newer ones.
    catalog.run([lambda tx: tx.insert("things", ("number", "text"), [(n, "old " * 300) for n in range(100, 200)])])
    catalog.run([lambda tx: tx.run("DELETE FROM things")])
    catalog.fold_log()
    for number in range(20):
        catalog.run([lambda tx, n=number: tx.insert("things", ("number", "text"), [(n, f"{n} " * 900)])])
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for name in ("catalog", "catalog-wal"):
        shutil.copy(live / name, crashed / name)
    catalog.close()
    return crashed / "catalog"


def log_of(path: Path) -> Path:
    return path.with_name("catalog-wal")


def test_a_whole_log_is_taken(crashed: Path) -> None:
    assert count(crashed) == 20


def test_a_flip_in_any_frame_but_those_of_the_last_transaction_is_refused(crashed: Path, tmp_path: Path) -> None:
    dice = random.Random(3)
    log = log_of(crashed).read_bytes()
    # Frames of an earlier life of the log have other salts.
    salts = log[16:24]
    ours = [number for number in commits(log) if log[HEADER + number * STRIDE + 8 :][:8] == salts]
    assert len(ours) == 20
    for number in range(ours[-1] + 1):
        for _ in range(3):
            shutil.copy(crashed, tmp_path / "catalog")
            spoiled = bytearray(log)
            spoiled[HEADER + number * STRIDE + dice.randrange(STRIDE)] ^= 1 << dice.randrange(8)
            log_of(tmp_path / "catalog").write_bytes(spoiled)
            (tmp_path / "catalog-shm").unlink(missing_ok=True)
            if number <= ours[-2]:
                with pytest.raises(Unavailable, match="holdfast rebuild"):
                    count(tmp_path / "catalog")
                # Looking at it changed nothing: whoever saves the files saves all that is left.
                assert log_of(tmp_path / "catalog").read_bytes() == spoiled
            else:
                assert count(tmp_path / "catalog") == 19


@pytest.mark.parametrize("bit", range(0, 24 * 8, 7))
def test_a_flip_in_the_head_of_the_frame_that_ends_the_transaction_before_the_last_is_refused(
    crashed: Path, bit: int
) -> None:
    log = bytearray(log_of(crashed).read_bytes())
    salts = log[16:24]
    ours = [number for number in commits(log) if log[HEADER + number * STRIDE + 8 :][:8] == salts]
    log[HEADER + ours[-2] * STRIDE + bit // 8] ^= 1 << bit % 8
    log_of(crashed).write_bytes(log)
    with pytest.raises(Unavailable, match="holdfast rebuild"):
        count(crashed)


@pytest.mark.parametrize("offset", range(0, HEADER, 3))
def test_a_flip_in_the_head_of_the_log_is_refused(crashed: Path, offset: int) -> None:
    log = bytearray(log_of(crashed).read_bytes())
    log[offset] ^= 16
    log_of(crashed).write_bytes(log)
    with pytest.raises(Unavailable, match="holdfast rebuild"):
        count(crashed)


def test_frames_that_were_zeroed_are_refused(crashed: Path) -> None:
    log = bytearray(log_of(crashed).read_bytes())
    log[HEADER + 3 * STRIDE : HEADER + 6 * STRIDE] = bytes(3 * STRIDE)
    log_of(crashed).write_bytes(log)
    with pytest.raises(Unavailable, match="its log is damaged"):
        count(crashed)


def test_what_a_power_cut_leaves_of_the_last_transaction_is_no_damage(crashed: Path, tmp_path: Path) -> None:
    log = log_of(crashed).read_bytes()
    salts = log[16:24]
    ours = [number for number in commits(log) if log[HEADER + number * STRIDE + 8 :][:8] == salts]
    first, last = ours[-2] + 1, ours[-1]
    for lost in range(first, last + 1):
        for kept_bytes in (0, 512, STRIDE // 2):
            shutil.copy(crashed, tmp_path / "catalog")
            torn = bytearray(log)
            start = HEADER + lost * STRIDE
            torn[start + kept_bytes : start + STRIDE] = bytes(STRIDE - kept_bytes)
            if torn == log:  # it ends in zeros
                continue
            log_of(tmp_path / "catalog").write_bytes(torn)
            (tmp_path / "catalog-shm").unlink(missing_ok=True)
            assert count(tmp_path / "catalog") == 19


def test_what_transactions_left_that_failed_is_no_damage(crashed: Path) -> None:
    # Three that failed at their sync, each shorter than the one before, leave an ended transaction each behind the last
    # good one: they do not follow each other.
    log = bytearray(log_of(crashed).read_bytes())
    salts = bytes(log[16:24])
    ours = [number for number in commits(log) if bytes(log[HEADER + number * STRIDE + 8 :][:8]) == salts]
    end = HEADER + (ours[-1] + 1) * STRIDE
    leftover = bytearray(log[HEADER : HEADER + (ours[2] + 1) * STRIDE])
    for number in (ours[0], ours[1]):
        # Where a longer one shows from under a shorter one, the chain of checksums is broken.
        leftover[number * STRIDE + 16] ^= 255
    log_of(crashed).write_bytes(log[:end] + leftover)
    assert count(crashed) == 20


def test_a_log_of_zeros_is_empty(crashed: Path) -> None:
    # A file system may make the length durable before the bytes.
    log_of(crashed).write_bytes(bytes(10 * STRIDE))
    assert count(crashed) == 0
