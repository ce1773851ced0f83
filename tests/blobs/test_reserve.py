import errno
from pathlib import Path

import pytest

from holdfast.blobs.reserve import RESERVE_NAME, Reserve
from holdfast.model.errors import DiskFull, Unavailable
from holdfast.testing.faulty_disk import FaultyDisk

MIB = 1 << 20
SIZE = 4 * MIB


@pytest.fixture
def disk() -> FaultyDisk:
    return FaultyDisk()


def kept(directory: Path) -> int:
    """Bytes of real room that the reserve takes."""
    path = directory / RESERVE_NAME
    return path.stat().st_blocks * 512 if path.exists() else 0


def test_the_reserve_takes_real_room_and_gives_it_back(tmp_path: Path, disk: FaultyDisk) -> None:
    reserve = Reserve(tmp_path, SIZE, disk=disk)
    assert reserve.whole
    assert kept(tmp_path) >= SIZE
    assert reserve.release()
    assert not reserve.whole
    assert kept(tmp_path) == 0
    assert not reserve.release()
    assert reserve.ensure()
    assert kept(tmp_path) >= SIZE


def test_a_later_process_finds_it(tmp_path: Path, disk: FaultyDisk) -> None:
    Reserve(tmp_path, SIZE, disk=disk)
    disk.room_bytes = 0
    assert Reserve(tmp_path, SIZE, disk=disk).whole


def test_another_size_is_another_reserve(tmp_path: Path) -> None:
    Reserve(tmp_path, SIZE)
    assert Reserve(tmp_path, 2 * SIZE).whole
    assert kept(tmp_path) >= 2 * SIZE
    assert Reserve(tmp_path, SIZE).whole
    assert SIZE <= kept(tmp_path) < 2 * SIZE


def test_without_a_reserve_it_is_always_whole_and_gives_nothing(tmp_path: Path, disk: FaultyDisk) -> None:
    Reserve(tmp_path, SIZE, disk=disk)
    disk.room_bytes = 0
    reserve = Reserve(tmp_path, 0, disk=disk)
    assert reserve.ensure()
    assert not reserve.release()
    assert list(tmp_path.iterdir()) == []


def test_on_a_full_disk_it_is_not_whole_until_there_is_room_for_all_of_it(tmp_path: Path, disk: FaultyDisk) -> None:
    disk.room_bytes = SIZE
    reserve = Reserve(tmp_path, SIZE, disk=disk)
    assert not reserve.ensure()
    assert disk.count("allocate") == 0, "trying must take nothing from those who write"
    disk.room_bytes = SIZE + 2 * MIB
    assert reserve.ensure()
    assert disk.room_bytes == 2 * MIB


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
def test_a_quota_that_the_disk_does_not_tell_of_leaves_nothing_half_kept(
    tmp_path: Path, disk: FaultyDisk, error: int
) -> None:
    disk.fail("allocate", error, times=2)
    reserve = Reserve(tmp_path, SIZE, disk=disk)
    assert not reserve.whole
    assert not reserve.ensure()
    assert list(tmp_path.iterdir()) == []
    assert reserve.ensure()


@pytest.mark.parametrize("error", [errno.EOPNOTSUPP, errno.EIO, errno.EFBIG])
def test_a_disk_that_cannot_keep_room_does_not_keep_the_store_from_working(
    tmp_path: Path, disk: FaultyDisk, error: int
) -> None:
    disk.fail("allocate", error)
    reserve = Reserve(tmp_path, SIZE, disk=disk)
    assert reserve.ensure()
    assert not reserve.release()
    assert list(tmp_path.iterdir()) == []


def test_a_reserve_that_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / RESERVE_NAME).write_bytes(bytes(100))
    assert Reserve(tmp_path, SIZE).whole
    assert kept(tmp_path) >= SIZE


def test_the_reserve_is_lent_to_what_finds_no_room_and_to_nothing_else(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path, SIZE)
    calls: list[bool] = []

    def needs_room() -> str:
        calls.append(reserve.whole)
        if reserve.whole:
            raise DiskFull("no room")
        return "done"

    assert reserve.lend(needs_room) == "done"
    assert calls == [True, False]
    assert reserve.ensure()

    def is_broken() -> str:
        raise Unavailable("an I/O error")

    with pytest.raises(Unavailable, match="I/O"):
        reserve.lend(is_broken)
    assert reserve.whole
