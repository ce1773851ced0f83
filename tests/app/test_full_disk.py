"""A store on a small disk that really runs full: what frees room goes on, reads go on, and uploads come back."""

import contextlib
import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from holdfast.app.build import System
from holdfast.app.config import StoreOptions
from holdfast.blobs.disk import RoomyDisk
from holdfast.model.errors import Unavailable
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics
from holdfast.testing.faulty_disk import FaultyDisk
from torture.content import Content, Piece
from torture.inside import HandClock, Inside

MIB = 1 << 20
DISK_BYTES = 320 * MIB
BIG = 4 * MIB


@pytest.fixture(params=["tmpfs", "ext4"])
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    mount = tmp_path / "small"
    mount.mkdir()
    if request.param == "tmpfs":
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", str(mount)]
    else:
        image = tmp_path / "image"
        with image.open("wb") as file:
            file.truncate(DISK_BYTES)
        try:
            made = subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-J", "size=4", str(image)], capture_output=True)
        except FileNotFoundError:
            pytest.skip("a real full ext4 needs mkfs.ext4")
        assert made.returncode == 0, made.stderr
        command = ["mount", "-o", "loop", str(image), str(mount)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a real full disk needs to be mounted, which needs root")
    yield mount / "store"
    subprocess.run(["umount", "-l", str(mount)], check=True)


class FullStore(Inside):
    """The whole service over a store with the reserve that it has by default."""

    def __init__(self, directory: Path, clock: HandClock, disk: RoomyDisk | None = None) -> None:
        options = StoreOptions(directory)
        with open(os.devnull, "w") as nowhere:
            self.system = System(options, Metrics(), open_log("error", "json", nowhere), clock, disk=disk)
        self.system.upkeep.close()

    def back_up(self, name: str, pieces: list[Piece]) -> str:
        job, _ = self.start(name)
        for number, piece in enumerate(pieces):
            self.put(job, f"{name}/{number}", Content(((0, piece),), "note"))
        return self.commit(job)

    def fill(self, job: str, dice: random.Random) -> None:
        """Puts objects until the disk takes no more, not even small ones."""
        for size in (BIG, 3000):
            with pytest.raises(Unavailable, match="full"):
                self._put_for_ever(job, size, dice)

    def _put_for_ever(self, job: str, size: int, dice: random.Random) -> None:
        for number in range(1_000_000):
            self.put(job, f"fill/{size}/{number}", Content(((0, Piece(2 * dice.getrandbits(40) + 1, size)),)))

    def read_all(self, point: str) -> list[bytes]:
        reader = self.restore(point)
        found = []
        for entry in self.pages("ListObjects", "ObjectList", StorageJobId=reader):
            token = entry["ObjectToken"]
            for chunk in self.pages("ListChunks", "ChunkList", StorageJobId=reader, ObjectToken=token):
                answer = self.call("GetChunk", StorageJobId=reader, ChunkToken=chunk["ChunkToken"])
                found.append(bytes(answer["Data"]))
        return found

    def collect(self) -> None:
        while not self.call("CollectGarbage", Seconds=5, CompactThreshold=1)["Done"]:
            pass

    def delete(self, point: str) -> None:
        self.call("DeleteRecoveryPoint", BackupVaultName="default", RecoveryPointArn=point)


def fill_up(path: Path) -> None:
    """Somebody else takes the last byte of the disk."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def pieces(first: int, count: int) -> list[Piece]:
    return [Piece(2 * (first + number) + 1, BIG) for number in range(count)]


def test_on_a_full_disk_one_can_read_delete_and_collect_and_then_upload_again(small_disk: Path) -> None:
    empty_and_go_on(small_disk, None)


def test_where_packs_alone_find_no_room_it_is_the_same(tmp_path: Path) -> None:
    disk = FaultyDisk()
    disk.room_bytes = DISK_BYTES
    empty_and_go_on(tmp_path / "store", disk)


def empty_and_go_on(directory: Path, disk: RoomyDisk | None) -> None:
    clock, dice = HandClock(), random.Random(1)
    with closing(FullStore(directory, clock, disk)) as store:
        kept = store.back_up("kept", pieces(0, 3))
        doomed = [store.back_up(f"doomed-{number}", pieces(100 + 10 * number, 4)) for number in range(3)]
        job, _ = store.start("filling")
        store.fill(job, dice)
        for _ in range(3):
            assert store.read_all(kept) == [piece.data() for piece in pieces(0, 3)]
        for point in doomed:
            store.delete(point)
        store.collect()
        clock.us += 2_000_000
        again = store.back_up("again", pieces(500, 6))
        assert store.read_all(again) == [piece.data() for piece in pieces(500, 6)]
        assert store.read_all(kept) == [piece.data() for piece in pieces(0, 3)]
        # What was acknowledged of the job that filled the disk is there, and it can go on.
        store.commit(job, drop_open=True)


def test_a_store_on_a_disk_that_others_filled_to_the_last_byte_opens_and_can_be_emptied(small_disk: Path) -> None:
    clock, dice = HandClock(), random.Random(2)
    with closing(FullStore(small_disk, clock)) as store:
        kept = store.back_up("kept", pieces(0, 3))
        doomed = store.back_up("doomed", pieces(100, 30))
        job, _ = store.start("filling")
        store.fill(job, dice)
    fill_up(small_disk.parent / "of-others")
    with closing(FullStore(small_disk, clock)) as store:
        assert store.read_all(kept) == [piece.data() for piece in pieces(0, 3)]
        with pytest.raises(Unavailable, match="holdfast gc"):
            store.put(job, "more", Content(((0, Piece(7, BIG)),)))
        store.delete(doomed)
        store.collect()
        store.put(job, "more", Content(((0, Piece(7, BIG)),)))
        store.commit(job, drop_open=True)
        assert store.read_all(kept) == [piece.data() for piece in pieces(0, 3)]
