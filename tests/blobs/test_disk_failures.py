"""The disk fails, falls short or is full at each verb: nothing is acknowledged that is not there."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.blobs.local import LocalBlobs
from holdfast.model.errors import Unavailable
from holdfast.testing.faulty_disk import FaultyDisk


@pytest.fixture
def disk() -> FaultyDisk:
    return FaultyDisk()


@pytest.fixture
def blobs(tmp_path: Path, disk: FaultyDisk) -> LocalBlobs:
    return LocalBlobs(tmp_path / "store", disk=disk)


@pytest.mark.parametrize("verb", ["create", "write", "sync", "link"])
def test_a_put_that_fails_leaves_nothing_and_may_be_tried_again(
    tmp_path: Path, disk: FaultyDisk, blobs: LocalBlobs, verb: str
) -> None:
    disk.fail(verb, errno.EIO)
    with pytest.raises(Unavailable):
        blobs.put("name", b"data")
    assert list(blobs.list("")) == []
    assert list((tmp_path / "store/.tmp").iterdir()) == []
    blobs.put("name", b"data")
    assert blobs.get("name") == b"data"


def test_a_put_whose_directory_sync_fails_is_not_acknowledged(disk: FaultyDisk, blobs: LocalBlobs) -> None:
    blobs.put("first", b"data")
    disk.fail("sync_directory", errno.EIO)
    with pytest.raises(Unavailable):
        blobs.put("second", b"data")


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_unavailable_and_says_what_to_do(
    tmp_path: Path, disk: FaultyDisk, blobs: LocalBlobs, error: int
) -> None:
    file = blobs.create("packs/p")
    disk.fail("write", error)
    with pytest.raises(Unavailable, match=r"store/packs/p: the disk (is full|quota is used up): .*free space"):
        file.append([b"x"])
    file.close()


def test_after_a_failed_sync_the_file_is_never_synced_nor_written_again(disk: FaultyDisk, blobs: LocalBlobs) -> None:
    file = blobs.create("packs/p")
    file.append([b"kept"])
    file.sync()
    file.append([b"lost"])
    disk.fail("sync", errno.EIO)
    with pytest.raises(Unavailable):
        file.sync()
    disk.calls.clear()
    for _ in range(3):
        with pytest.raises(Unavailable, match="takes no more data"):
            file.sync()
        with pytest.raises(Unavailable, match="takes no more data"):
            file.append([b"more"])
    assert disk.calls == []
    file.close()
    assert blobs.read("packs/p", 0, 4) == b"kept"


def test_after_a_write_that_fell_short_the_file_takes_nothing_more(disk: FaultyDisk, blobs: LocalBlobs) -> None:
    file = blobs.create("packs/p")
    file.append([b"kept"])
    file.sync()
    disk.room_bytes = 3
    with pytest.raises(Unavailable, match="full"):
        file.append([b"ab", b"cd"])
    disk.room_bytes = None
    with pytest.raises(Unavailable, match="takes no more data"):
        file.append([b"more"])
    with pytest.raises(Unavailable, match="takes no more data"):
        file.sync()
    file.close()
    assert blobs.get("packs/p") == b"keptabc"


def test_a_system_that_writes_nothing_without_an_error_is_not_asked_for_ever(
    tmp_path: Path, disk: FaultyDisk, blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = blobs.create("packs/p")
    monkeypatch.setattr(disk, "write", lambda descriptor, buffers: 0)
    with pytest.raises(Unavailable):
        file.append([b"x"])
    file.close()


def test_a_pack_whose_directory_entry_cannot_be_made_durable_is_not_handed_out(
    disk: FaultyDisk, blobs: LocalBlobs
) -> None:
    blobs.put("packs/first", b"x")
    disk.fail("sync_directory", errno.EIO)
    with pytest.raises(Unavailable):
        blobs.create("packs/p")


def test_the_file_size_limit_of_the_process_is_unavailable_and_poisons(tmp_path: Path) -> None:
    # In a process of its own: the limit would hold for the whole test run.
    program = f"""
import resource, signal
from pathlib import Path
from holdfast.blobs.local import LocalBlobs
from holdfast.model.errors import Unavailable
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
file = LocalBlobs(Path({str(tmp_path)!r})).create("p")
file.append([b"x" * 90_000])
file.sync()
for _ in range(2):
    try:
        file.append([b"y" * 6_000, b"z" * 6_000])
    except Unavailable as refused:
        print(refused.message)
print(file.size)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    first, second, size = done.stdout.splitlines()
    assert "ulimit -f" in first
    assert "takes no more data" in second
    assert size == "90000"
    assert (tmp_path / "p").stat().st_size == 100_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount = tmp_path / "small"
    mount.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(mount)], capture_output=True)
    if made.returncode:
        pytest.skip("a real full disk needs a tmpfs, which needs root")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


def test_a_disk_that_is_really_full_refuses_and_recovers_when_space_is_made(small_disk: Path) -> None:
    blobs = LocalBlobs(small_disk)
    file = blobs.create("packs/first")
    with pytest.raises(Unavailable, match="disk is full"):
        file.append([b"x" * 40_000] * 100)
    file.close()
    with pytest.raises(Unavailable, match="disk is full"):
        blobs.put("name", b"y" * 100_000)
    blobs.delete("packs/first")
    blobs.put("name", b"y" * 100_000)
    assert blobs.get("name") == b"y" * 100_000


@pytest.mark.parametrize("verb", ["create", "write", "sync", "replace"])
def test_a_replacement_that_fails_leaves_the_old_bytes_and_nothing_else(
    tmp_path: Path, disk: FaultyDisk, blobs: LocalBlobs, verb: str
) -> None:
    blobs.replace("name", b"old")
    disk.fail(verb, errno.EIO)
    with pytest.raises(Unavailable):
        blobs.replace("name", b"new")
    assert blobs.get("name") == b"old"
    assert list((tmp_path / "store/.tmp").iterdir()) == []


def test_a_blob_that_is_durable_is_acknowledged_even_if_its_temporary_name_stays(
    tmp_path: Path, disk: FaultyDisk, blobs: LocalBlobs
) -> None:
    disk.fail("remove", errno.EIO)
    blobs.put("name", b"data")
    assert blobs.get("name") == b"data"
    assert len(list((tmp_path / "store/.tmp").iterdir())) == 1
    blobs.clear_unfinished()
    assert list((tmp_path / "store/.tmp").iterdir()) == []
    assert blobs.get("name") == b"data"


def test_a_blob_that_somebody_removed_who_was_killed_is_gone_for_good_when_it_is_deleted_again(
    tmp_path: Path, disk: FaultyDisk, blobs: LocalBlobs
) -> None:
    blobs.put("packs/p", b"data")
    (tmp_path / "store/packs/p").unlink()
    disk.calls.clear()
    blobs.delete("packs/p")
    assert ("sync_directory", tmp_path / "store/packs") in disk.calls


def test_what_stands_there_can_be_made_durable_by_whoever_finds_it(
    tmp_path: Path, disk: FaultyDisk, blobs: LocalBlobs
) -> None:
    blobs.put("keys/k", b"data")
    disk.calls.clear()
    blobs.settle("keys/k")
    assert disk.calls == [("sync_directory", tmp_path / "store/keys")]
    blobs.settle("nowhere/k")
    disk.fail("sync_directory", errno.EIO)
    with pytest.raises(Unavailable, match="make durable"):
        blobs.settle("keys/k")


def test_advice_and_closing_that_fail_do_not_take_a_read_back(
    blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.put("large", bytes(1 << 20))

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "no")

    monkeypatch.setattr("os.posix_fadvise", refuse)
    assert blobs.read("large", 0, 1 << 20) == bytes(1 << 20)
    real = os.close

    def close(descriptor: int) -> None:
        real(descriptor)
        raise OSError(errno.EIO, "no")

    monkeypatch.setattr("os.close", close)
    blobs.close()
