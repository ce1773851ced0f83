import errno
import os
import socket
import threading
from pathlib import Path

import pytest

from holdfast.blobs.local import LocalBlobs
from holdfast.model.errors import Damaged, NotFound
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


@pytest.mark.parametrize("kind", ["FIFO", "symbolic link", "socket", "directory"])
@pytest.mark.timeout(20)
def test_what_is_no_file_is_never_opened(tmp_path: Path, blobs: LocalBlobs, kind: str) -> None:
    blobs.put("packs/real", b"data")
    path = tmp_path / "store/packs/other"
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "symbolic link":
        path.symlink_to("real")
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
    else:
        path.mkdir()
    for look in (lambda: blobs.read("packs/other", 0, 4), lambda: blobs.size("packs/other")):
        with pytest.raises(NotFound, match=f"no blob at .*/other: a {kind} stands there"):
            look()
    # A key may be mounted by a link; nothing else is read whole either.
    if kind == "symbolic link":
        assert blobs.get("packs/other") == b"data"
    else:
        with pytest.raises(NotFound, match=f"a {kind} stands there"):
            blobs.get("packs/other")


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
