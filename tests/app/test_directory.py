import errno
import stat
from pathlib import Path

import pytest

from holdfast.app.directory import prepare
from holdfast.model.errors import Unavailable
from holdfast.testing.faulty_disk import FaultyDisk


def test_a_new_directory_is_durable_in_the_one_above_it_before_it_is_used(tmp_path: Path) -> None:
    disk = FaultyDisk()
    prepare(tmp_path / "a" / "b" / "store", disk)
    assert [path for _, path in disk.calls] == [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]
    assert stat.S_IMODE((tmp_path / "a/b/store").stat().st_mode) == 0o700


def test_what_a_killed_maker_left_is_made_durable_by_the_next(tmp_path: Path) -> None:
    disk = FaultyDisk()
    disk.fail("sync_directory", errno.EIO)
    with pytest.raises(Unavailable):
        prepare(tmp_path / "store", disk)
    prepare(tmp_path / "store", disk)
    assert disk.calls[-1] == ("sync_directory", tmp_path)
    (tmp_path / "store" / "lock").touch()
    disk.calls.clear()
    prepare(tmp_path / "store", disk)
    assert disk.calls == []


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").touch()
    for place in (tmp_path / "store", tmp_path / "store" / "below"):
        with pytest.raises(Unavailable, match="cannot be used"):
            prepare(place)
