import errno
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.blobs.local import LocalBlobs
from holdfast.model.errors import Damaged, Unavailable
from holdfast.testing.blob_store_suite import AppendStoreSuite, BlobStoreSuite
from holdfast.testing.faulty_disk import FaultyDisk


class TestLocalBlobs(BlobStoreSuite):
    @pytest.fixture
    def store(self, tmp_path: Path) -> LocalBlobs:
        return LocalBlobs(tmp_path / "deep" / "root")


class TestLocalBlobsWithOneOpenFile(BlobStoreSuite):
    @pytest.fixture
    def store(self, tmp_path: Path) -> LocalBlobs:
        return LocalBlobs(tmp_path, open_files_max=1)


class TestLocalAppendFiles(AppendStoreSuite):
    @pytest.fixture
    def store(self, tmp_path: Path) -> LocalBlobs:
        return LocalBlobs(tmp_path)

    @pytest.fixture
    def append_store(self, store: LocalBlobs) -> LocalBlobs:
        return store


class TestOnADiskThatTakesOneByteAtATime(AppendStoreSuite):
    @pytest.fixture
    def store(self, tmp_path: Path) -> LocalBlobs:
        disk = FaultyDisk()
        disk.write_bytes_max = 1
        return LocalBlobs(tmp_path, disk=disk)

    @pytest.fixture
    def append_store(self, store: LocalBlobs) -> LocalBlobs:
        return store


@pytest.fixture
def disk() -> FaultyDisk:
    return FaultyDisk()


@pytest.fixture
def blobs(tmp_path: Path, disk: FaultyDisk) -> LocalBlobs:
    return LocalBlobs(tmp_path / "store", disk=disk)


def test_files_and_directories_are_for_their_owner_alone(tmp_path: Path, blobs: LocalBlobs) -> None:
    blobs.put("keys/root.key", b"secret")
    blobs.create("packs/p").close()
    root = tmp_path / "store"
    assert {path.stat().st_mode & 0o777 for path in (root, root / "keys", root / "packs", root / ".tmp")} == {0o700}
    assert (root / "keys/root.key").stat().st_mode & 0o777 == 0o600
    assert (root / "packs/p").stat().st_mode & 0o777 == 0o600


def test_a_put_syncs_bytes_then_links_then_syncs_the_directory(
    tmp_path: Path, disk: FaultyDisk, blobs: LocalBlobs
) -> None:
    blobs.put("keys/one", b"x")
    disk.calls.clear()
    blobs.put("keys/two", b"x")
    assert [verb for verb, _ in disk.calls] == ["create", "write", "sync", "link", "sync_directory", "remove"]
    assert disk.calls[4] == ("sync_directory", tmp_path / "store/keys")


def test_a_new_directory_is_synced_into_its_parent_before_it_is_used(
    tmp_path: Path, disk: FaultyDisk, blobs: LocalBlobs
) -> None:
    blobs.create("packs/vault/p").close()
    root = tmp_path / "store"
    assert disk.calls == [
        ("make_directory", root),
        ("sync_directory", tmp_path),
        ("make_directory", root / "packs"),
        ("sync_directory", root),
        ("make_directory", root / "packs/vault"),
        ("sync_directory", root / "packs"),
        ("create", root / "packs/vault/p"),
        ("sync_directory", root / "packs/vault"),
    ]


def test_a_directory_left_by_a_killed_process_is_synced_again(
    tmp_path: Path, disk: FaultyDisk, blobs: LocalBlobs
) -> None:
    (tmp_path / "store/packs").mkdir(parents=True)
    blobs.create("packs/p").close()
    assert ("sync_directory", tmp_path / "store") in disk.calls


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


def test_an_unreadable_disk_is_damage(blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs.put("name", b"data")

    def broken(*_: object) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "pread", broken)
    with pytest.raises(Damaged, match="EIO"):
        blobs.read("name", 0, 4)


def test_short_reads_are_read_on(blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs.put("name", b"0123456789")
    whole = os.pread
    monkeypatch.setattr(os, "pread", lambda descriptor, length, offset: whole(descriptor, min(length, 3), offset))
    assert blobs.read("name", 1, 8) == b"12345678"
    assert blobs.read("name", 1, 99) == b"123456789"


def test_a_symlink_in_place_of_a_blob_is_not_followed(tmp_path: Path, blobs: LocalBlobs) -> None:
    blobs.put("packs/real", b"data")
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    (tmp_path / "store/packs/link").symlink_to(secret)
    with pytest.raises(Exception, match="no blob"):
        blobs.read("packs/link", 0, 6)


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


def test_readers_never_see_another_file_however_few_are_kept_open(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path, open_files_max=2)
    for i in range(16):
        blobs.put(f"b{i}", bytes([i]) * 64)
    wrong: list[int] = []
    stop = threading.Event()

    def churn() -> None:
        # Opening and closing other files all the time makes a freed descriptor number be given out again at once.
        while not stop.is_set():
            (tmp_path / "other").write_bytes(b"\xff" * 64)

    def read(start: int) -> None:
        for step in range(2000):
            i = (start + step * 7) % 16
            if blobs.read(f"b{i}", 0, 64) != bytes([i]) * 64:
                wrong.append(i)

    threads = [threading.Thread(target=read, args=(i,)) for i in range(4)]
    churner = threading.Thread(target=churn)
    churner.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    churner.join()
    assert wrong == []


def test_only_so_many_files_stay_open_and_none_after_close(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path, open_files_max=4)
    before = len(os.listdir("/proc/self/fd"))
    for i in range(20):
        blobs.put(f"b{i}", b"x")
        blobs.read(f"b{i}", 0, 1)
    assert len(os.listdir("/proc/self/fd")) == before + 4
    blobs.close()
    assert len(os.listdir("/proc/self/fd")) == before
