"""Where a restore writes: against the real file system, and against a program that swaps directories for links."""

import os
import stat
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from holdfast.agent.attributes import Attributes
from holdfast.agent.restore_attributes import give
from holdfast.agent.target import Target, new_file, new_special, put_in_place, temporary_name

_FILE = Attributes("f", 0o100640, os.geteuid(), os.getegid(), 3, 1_600_000_000_123_456_789, 0, 0)


def _write(target: Target, path: str, data: bytes) -> None:
    parts = tuple(part.encode() for part in path.split("/"))
    with new_file(target.directory(parts[:-1]), parts[-1]) as fd:
        os.write(fd, data)
        assert give(fd, _FILE, (_FILE.uid, _FILE.gid), {})[0] == []


def _check_given(path: str, attributes: Attributes) -> None:
    assert give(path, attributes, (attributes.uid, attributes.gid), {})[0] == []


def test_a_file_appears_whole_with_its_attributes(tmp_path: Path) -> None:
    _write(Target(str(tmp_path / "new" / "deep")), "a/b/c", b"abc")
    status = (tmp_path / "new/deep/a/b/c").stat()
    assert (tmp_path / "new/deep/a/b/c").read_bytes() == b"abc"
    assert stat.S_IMODE(status.st_mode) == 0o640
    assert status.st_mtime_ns == _FILE.mtime_ns


def test_a_file_that_fails_leaves_the_old_one_and_no_trace(tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(b"old")
    target = Target(str(tmp_path))

    def fail_halfway() -> None:
        with new_file(target.root, b"c") as fd:
            os.write(fd, b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
    assert (tmp_path / "c").read_bytes() == b"old"


def test_a_link_in_place_of_a_file_is_replaced_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"precious")
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "c").symlink_to(outside)
    _write(Target(str(tmp_path / "to")), "c", b"abc")
    assert outside.read_bytes() == b"precious"
    assert not (tmp_path / "to" / "c").is_symlink()


@pytest.mark.parametrize("in_the_way", ["link", "dangling", "file"])
def test_what_stands_where_a_directory_must_be_is_replaced(tmp_path: Path, in_the_way: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    to = tmp_path / "to"
    to.mkdir()
    if in_the_way == "file":
        (to / "d").write_bytes(b"x")
    else:
        (to / "d").symlink_to(outside if in_the_way == "link" else tmp_path / "nowhere")
    _write(Target(str(to)), "d/e/c", b"abc")
    assert (to / "d/e/c").read_bytes() == b"abc"
    assert not (to / "d").is_symlink()
    assert list(outside.iterdir()) == []


def test_an_empty_directory_gives_way_to_a_file_and_a_full_one_does_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    target = Target(str(tmp_path))
    _write(target, "empty", b"abc")
    with pytest.raises(OSError, match="not empty"):
        _write(target, "full", b"abc")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "full"]


def test_special_files_come_back_with_their_attributes(tmp_path: Path) -> None:
    target = Target(str(tmp_path))
    who = (os.geteuid(), os.getegid())
    fifo = Attributes("p", 0o10604, *who, 0, 5_000_000_001, 0, 0)
    link = Attributes("l", 0o120777, *who, 4, 6_000_000_001, 0, 0)
    new_special(target.root, b"fifo", fifo, None, lambda path: _check_given(path, fifo))
    new_special(target.root, b"link", link, b"no\xffwhere", lambda path: _check_given(path, link))
    status = os.lstat(tmp_path / "fifo")
    assert stat.S_ISFIFO(status.st_mode)
    assert stat.S_IMODE(status.st_mode) == 0o604
    assert status.st_mtime_ns == 5_000_000_001
    assert os.readlink(os.fsencode(tmp_path / "link")) == b"no\xffwhere"
    assert os.lstat(tmp_path / "link").st_mtime_ns == 6_000_000_001
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fifo", "link"]


def test_a_name_put_in_place_of_itself_leaves_one(tmp_path: Path) -> None:
    target = Target(str(tmp_path))
    (tmp_path / "one").write_bytes(b"1")
    temporary = temporary_name()
    os.rename(tmp_path / "one", tmp_path / os.fsdecode(temporary))
    put_in_place(target.root, temporary, b"one")
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_a_racer_swapping_directory_and_link_never_gets_a_byte_outside(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "e").mkdir(parents=True)
    to = tmp_path / "to"
    (to / "d" / "e").mkdir(parents=True)
    over = threading.Event()
    swaps = 0
    target = Target(str(to))

    def race() -> None:
        nonlocal swaps
        while not over.is_set():
            try:
                os.rename(to / "d", to / "away")
                os.symlink(outside, to / "d")
                os.unlink(to / "d")
                os.rename(to / "away", to / "d")
            except OSError:
                # The restore made a directory of its own meanwhile: move it aside and go on with ours.
                with suppress(OSError):
                    os.rename(to / "d", to / f"made{swaps}")
                with suppress(OSError):
                    os.rename(to / "away", to / "d")
            swaps += 1

    racer = threading.Thread(target=race)
    racer.start()
    written = 0
    try:
        for number in range(3000):
            if number % 10 == 0:
                target = Target(str(to))  # a fresh one opens every component again
            with suppress(OSError):
                _write(target, f"d/e/file{number % 7}", b"abc")
                written += 1
    finally:
        over.set()
        racer.join()
    assert swaps > 100
    assert written > 100
    assert [path.name for path in outside.rglob("*")] == ["e"]
