"""What several processes that have one directory open do to each other's reserve and open files."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.reserve import RESERVE_NAME, Reserve
from holdfast.testing.faulty_disk import FaultyDisk

MIB = 1 << 20
SIZE = 4 * MIB


def test_a_reserve_that_another_has_released_is_not_whole_for_anybody(tmp_path: Path) -> None:
    disk = FaultyDisk()
    one, other = Reserve(tmp_path, SIZE, disk=disk), Reserve(tmp_path, SIZE, disk=disk)
    assert one.whole and other.whole
    disk.room_bytes = 0
    assert one.release()
    assert not other.whole
    disk.room_bytes = MIB
    assert not other.ensure()
    disk.room_bytes = SIZE + 2 * MIB
    assert other.ensure()
    assert one.ensure() and one.whole


def test_who_meets_the_full_disk_after_another_has_released_the_reserve_may_try_again(tmp_path: Path) -> None:
    one, other = Reserve(tmp_path, SIZE), Reserve(tmp_path, SIZE)
    assert one.release()
    # The room is there: given a moment ago, by somebody else.
    assert other.release()
    assert not other.release()
    assert not one.release()


def test_a_reserve_that_is_being_made_is_left_alone_and_one_whose_maker_died_is_not(tmp_path: Path) -> None:
    code = f"""
        import fcntl, os, time
        descriptor = os.open({str(tmp_path / RESERVE_NAME)!r}, os.O_CREAT | os.O_WRONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.posix_fallocate(descriptor, 0, 1000)
        print("half", flush=True)
        time.sleep(600)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE) as maker:
        assert maker.stdout is not None and maker.stdout.readline() == b"half\n"
        reserve = Reserve(tmp_path, SIZE)
        assert not reserve.whole and not reserve.ensure()
        assert (tmp_path / RESERVE_NAME).stat().st_size == 1000
        maker.kill()
        maker.wait()
    assert reserve.ensure()
    assert (tmp_path / RESERVE_NAME).stat().st_size == SIZE


def test_a_disk_that_cannot_keep_room_is_not_asked_again_for_every_group(tmp_path: Path) -> None:
    import errno

    disk = FaultyDisk()
    disk.fail("allocate", errno.EOPNOTSUPP, times=100)
    reserve = Reserve(tmp_path, SIZE, disk=disk)
    for _ in range(5):
        assert reserve.ensure()
    assert disk.count("allocate") == 1


def test_a_file_that_another_has_removed_is_let_go_of(tmp_path: Path) -> None:
    one, other = LocalBlobs(tmp_path), LocalBlobs(tmp_path)
    for name in ("packs/gone", "packs/kept"):
        one.put(name, b"bytes of it")
        assert other.read(name, 0, 5) == b"bytes"
    one.delete("packs/gone")
    assert held(tmp_path) == {"gone (deleted)", "kept"}
    other.let_go_of_removed()
    assert held(tmp_path) == {"kept"}
    assert other.read("packs/kept", 0, 5) == b"bytes"
    one.close()
    other.close()


def held(directory: Path) -> set[str]:
    """Files below `directory` that this process has open."""
    found = set()
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            continue
        if target.startswith(f"{directory}/packs/"):
            found.add(target.rpartition("/")[2])
    return found


@pytest.mark.parametrize("size", [0, SIZE])
def test_many_who_make_the_reserve_at_once_leave_one(tmp_path: Path, size: int) -> None:
    code = f"""
        from pathlib import Path
        from holdfast.blobs.reserve import Reserve
        for _ in range(20):
            reserve = Reserve(Path({str(tmp_path)!r}), {size})
            reserve.release()
            reserve.ensure()
    """
    crowd = [subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)]) for _ in range(3)]
    assert [each.wait() for each in crowd] == [0, 0, 0]
    reserve = Reserve(tmp_path, size)
    assert reserve.ensure()
    assert [path.stat().st_size for path in tmp_path.iterdir()] == ([size] if size else [])
