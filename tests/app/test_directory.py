import errno
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.app.directory import prepare
from holdfast.model.errors import InvalidInput, Unavailable
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


@pytest.fixture
def exfat(tmp_path: Path) -> Iterator[Path]:
    image, mount = tmp_path / "image", tmp_path / "stick"
    mount.mkdir()
    with image.open("wb") as file:
        file.truncate(32 << 20)
    try:
        made = subprocess.run(["mkfs.exfat", str(image)], capture_output=True)
        device = subprocess.run(["losetup", "-f", "--show", str(image)], capture_output=True, text=True).stdout.strip()
    except FileNotFoundError:
        pytest.skip("a real exFAT needs mkfs.exfat and losetup")
    if made.returncode or not device:
        pytest.skip("a loop device needs root")
    try:
        try:
            mounted = subprocess.run(["mount.exfat-fuse", device, str(mount)], capture_output=True)
        except FileNotFoundError:
            pytest.skip("a real exFAT needs exfat-fuse")
        if mounted.returncode:
            pytest.skip("exFAT cannot be mounted here")
        yield mount
        subprocess.run(["umount", str(mount)], check=True)
    finally:
        subprocess.run(["losetup", "-d", device], check=True)


def test_a_file_system_without_permissions_is_refused_at_once_and_chmod_is_not_advised(exfat: Path) -> None:
    (exfat / "used").mkdir()
    (exfat / "used" / "lock").touch()
    for name in ("new", "used"):
        with pytest.raises(InvalidInput, match="exFAT cannot hold a store") as refused:
            prepare(exfat / name)
        assert "chmod" not in refused.value.message
    assert list((exfat / "new").iterdir()) == []


def test_a_file_system_without_hard_links_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no hard links")

    monkeypatch.setattr("os.link", refuse)
    with pytest.raises(InvalidInput, match="no hard links"):
        prepare(tmp_path / "store")
    assert list((tmp_path / "store").iterdir()) == []


def test_a_directory_that_others_may_read_is_refused_with_what_helps(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir(mode=0o755)
    (tmp_path / "store" / "lock").touch()
    with pytest.raises(InvalidInput, match="chmod 700"):
        prepare(tmp_path / "store")
