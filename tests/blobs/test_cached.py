import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from holdfast.blobs.block_reads import BLOCK_BYTES, LARGE_READ_BYTES
from holdfast.blobs.cached import CachedReads
from holdfast.blobs.cached_blocks import BLOCK_CHARGE_BYTES
from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.s3 import S3Blobs
from holdfast.blobs.s3_options import S3Options
from holdfast.model.errors import NotFound, Unavailable
from holdfast.testing.blob_store_suite import BlobStoreSuite

MIB = 1 << 20
ROOM = BLOCK_BYTES + BLOCK_CHARGE_BYTES


class TestCachedReads(BlobStoreSuite):
    @pytest.fixture(params=[0, ROOM, 4 * MIB], ids=["no room", "room for one block", "4 MiB"])
    def store(self, tmp_path: Path, request: pytest.FixtureRequest) -> CachedReads:
        return CachedReads(LocalBlobs(tmp_path), request.param, prefix="")


class TestCachedReadsOfABucket(BlobStoreSuite):
    @pytest.fixture
    def store(self, bucket: S3Options) -> CachedReads:
        return CachedReads(S3Blobs(bucket), 4 * MIB, prefix="")


class WatchedBlobs(LocalBlobs):
    """A store in a directory whose reads can be counted, held up and made to fail."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads: list[tuple[str, int, int]] = []
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Semaphore(0)
        self.fails: list[BaseException] = []

    def read(self, name: str, offset: int, length: int) -> bytes:
        self.reads.append((name, offset, length))
        data = super().read(name, offset, length)
        self.entered.release()
        assert self.open.wait(120)
        if self.fails:
            raise self.fails.pop(0)
        return data


@pytest.fixture
def blobs(tmp_path: Path) -> WatchedBlobs:
    return WatchedBlobs(tmp_path)


@pytest.fixture
def cached(blobs: WatchedBlobs) -> CachedReads:
    return CachedReads(blobs, 16 * MIB)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


def pack(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def waits_for(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        threading.Event().wait(0.005)
    pytest.fail("it did not come to pass within 10 s")


def test_what_was_read_once_is_not_asked_for_again(blobs: WatchedBlobs, cached: CachedReads) -> None:
    data = pack(BLOCK_BYTES)
    blobs.put("packs/p", data)
    assert cached.read("packs/p", 10, 100) == data[10:110]
    assert cached.read("packs/p", 5000, 100) == data[5000:5100]
    assert blobs.reads == [("packs/p", 0, BLOCK_BYTES)]
    assert (cached.hits, cached.misses, cached.passed, cached.bytes_fetched) == (1, 1, 0, BLOCK_BYTES)


def test_names_that_may_be_used_twice_are_not_held(blobs: WatchedBlobs, cached: CachedReads) -> None:
    blobs.put("parity/p", b"one")
    assert cached.read("parity/p", 0, 3) == b"one"
    blobs.delete("parity/p")
    blobs.put("parity/p", b"two")
    assert cached.read("parity/p", 0, 3) == b"two"
    assert cached.bytes_held == 0


def test_frames_in_order_are_fetched_many_at_a_time(blobs: WatchedBlobs, cached: CachedReads) -> None:
    data = pack(16 * MIB)
    blobs.put("packs/p", data)
    frame = 10_000
    for start in range(0, len(data), frame):
        assert cached.read("packs/p", start, frame) == data[start : start + frame]
    assert cached.hits + cached.misses == -(-len(data) // frame)
    assert len(blobs.reads) < 16
    assert cached.bytes_fetched == len(data), "nothing was fetched twice"


def test_frames_that_several_threads_read_in_order_are_fetched_many_at_a_time(
    blobs: WatchedBlobs, cached: CachedReads, pool: ThreadPoolExecutor
) -> None:
    data = pack(16 * MIB)
    blobs.put("packs/p", data)
    frame = 50_000
    starts = range(0, len(data), frame)
    for start, got in zip(starts, pool.map(lambda start: cached.read("packs/p", start, frame), starts), strict=True):
        assert got == data[start : start + frame]
    assert len(blobs.reads) < 40
    assert cached.bytes_fetched == len(data)


def test_reads_here_and_there_fetch_no_more_than_their_blocks(blobs: WatchedBlobs, cached: CachedReads) -> None:
    data = pack(16 * MIB)
    blobs.put("packs/p", data)
    for block in (100, 20, 60, 3, 90, 40):
        cached.read("packs/p", block * BLOCK_BYTES + 5, 1000)
    assert {length for _, _, length in blobs.reads} == {BLOCK_BYTES}


def test_large_reads_go_by_unless_all_is_held(blobs: WatchedBlobs, cached: CachedReads) -> None:
    data = pack(4 * MIB)
    blobs.put("packs/p", data)
    assert cached.read("packs/p", 7, LARGE_READ_BYTES) == data[7 : 7 + LARGE_READ_BYTES]
    assert blobs.reads == [("packs/p", 7, LARGE_READ_BYTES)]
    assert (cached.passed, cached.bytes_held) == (1, 0)
    for start in range(0, 2 * MIB, 1000):
        cached.read("packs/p", start, 1000)
    count = len(blobs.reads)
    assert cached.read("packs/p", 7, LARGE_READ_BYTES) == data[7 : 7 + LARGE_READ_BYTES]
    assert len(blobs.reads) == count


def test_many_who_want_one_block_share_one_request(
    blobs: WatchedBlobs, cached: CachedReads, pool: ThreadPoolExecutor
) -> None:
    data = pack(BLOCK_BYTES)
    blobs.put("packs/p", data)
    blobs.open.clear()
    answers = [pool.submit(cached.read, "packs/p", start, 100) for start in range(0, 1600, 100)]
    waits_for(lambda: cached.hits + cached.misses == 16)
    blobs.open.set()
    assert [answer.result() for answer in answers] == [data[start : start + 100] for start in range(0, 1600, 100)]
    assert len(blobs.reads) == 1
    assert (cached.hits, cached.misses) == (15, 1)


def test_who_wants_two_blocks_waits_only_for_the_one_that_is_under_way(
    blobs: WatchedBlobs, cached: CachedReads, pool: ThreadPoolExecutor
) -> None:
    data = pack(3 * BLOCK_BYTES)
    blobs.put("packs/p", data)
    blobs.open.clear()
    first = pool.submit(cached.read, "packs/p", BLOCK_BYTES, 10)
    assert blobs.entered.acquire(timeout=120)
    second = pool.submit(cached.read, "packs/p", 0, 3 * BLOCK_BYTES)
    assert blobs.entered.acquire(timeout=120)
    blobs.open.set()
    assert first.result() == data[BLOCK_BYTES : BLOCK_BYTES + 10]
    assert second.result() == data
    assert sorted(offset for _, offset, _ in blobs.reads) == [0, BLOCK_BYTES, 2 * BLOCK_BYTES]


def test_a_failed_read_is_told_to_all_who_wait_and_leaves_nothing_behind(
    blobs: WatchedBlobs, cached: CachedReads, pool: ThreadPoolExecutor
) -> None:
    blobs.put("packs/p", b"data")
    blobs.open.clear()
    blobs.fails = [Unavailable("the bucket is on fire")]
    answers = [pool.submit(cached.read, "packs/p", 0, 4) for _ in range(4)]
    waits_for(lambda: cached.hits + cached.misses == 4)
    blobs.open.set()
    errors = [answer.exception() for answer in answers]
    assert {str(error) for error in errors} == {"the bucket is on fire"}
    assert len({id(error) for error in errors}) == 4, "each thread raises an error of its own"
    assert cached.bytes_held == 0
    assert cached.read("packs/p", 0, 4) == b"data"


def test_who_waited_for_somebody_that_was_stopped_asks_himself(
    blobs: WatchedBlobs, cached: CachedReads, pool: ThreadPoolExecutor
) -> None:
    blobs.put("packs/p", b"data")
    blobs.open.clear()
    blobs.fails = [KeyboardInterrupt()]
    first = pool.submit(cached.read, "packs/p", 0, 4)
    assert blobs.entered.acquire(timeout=120)
    second = pool.submit(cached.read, "packs/p", 0, 4)
    waits_for(lambda: cached.hits + cached.misses == 2)
    blobs.open.set()
    assert isinstance(first.exception(), KeyboardInterrupt)
    assert second.result() == b"data"


def test_what_is_deleted_while_it_is_under_way_is_not_held(
    blobs: WatchedBlobs, cached: CachedReads, pool: ThreadPoolExecutor
) -> None:
    blobs.put("packs/p", b"old")
    blobs.open.clear()
    reading = pool.submit(cached.read, "packs/p", 0, 3)
    assert blobs.entered.acquire(timeout=120)
    cached.delete("packs/p")
    blobs.open.set()
    assert reading.result() == b"old"
    with pytest.raises(NotFound):
        cached.read("packs/p", 0, 3)
    cached.put("packs/p", b"new")
    assert cached.read("packs/p", 0, 3) == b"new"


def test_a_range_that_failed_its_check_is_read_from_the_store_and_not_from_memory_again(
    tmp_path: Path, blobs: WatchedBlobs, cached: CachedReads
) -> None:
    blobs.put("packs/p", b"goodgood")
    path = tmp_path / "packs/p"
    path.write_bytes(b"bad!good")
    blobs.close()
    assert cached.read("packs/p", 0, 4) == b"bad!"
    path.write_bytes(b"goodgood")
    assert cached.read("packs/p", 0, 4) == b"bad!"
    assert cached.fresh("packs/p", 0, 4) == b"good"
    assert cached.read("packs/p", 0, 4) == b"good"


def test_memory_is_counted_to_the_byte_and_never_exceeded(blobs: WatchedBlobs) -> None:
    cached = CachedReads(blobs, 3 * ROOM + 100)
    for i in range(8):
        blobs.put(f"packs/{i}", pack(1000 + i))
    for i in range(8):
        cached.read(f"packs/{i}", 0, 10)
    assert cached.bytes_held == sum(1000 + i + BLOCK_CHARGE_BYTES for i in range(8))
    blobs.put("packs/large", pack(3 * BLOCK_BYTES))
    for block in (0, 2, 1):
        cached.read("packs/large", block * BLOCK_BYTES, 10)
        assert cached.bytes_held <= 3 * ROOM + 100
    assert cached.bytes_held == 3 * ROOM, "what was used longest ago has made room"
    cached.close()
    assert cached.bytes_held == 0


def test_what_was_used_longest_ago_makes_room(blobs: WatchedBlobs) -> None:
    cached = CachedReads(blobs, 2 * ROOM)
    for name in ("a", "b", "c"):
        blobs.put(f"packs/{name}", pack(BLOCK_BYTES))
    for name in ("a", "b", "a", "c", "a"):
        cached.read(f"packs/{name}", 0, 10)
    assert [name for name, _, _ in blobs.reads] == ["packs/a", "packs/b", "packs/c"]


def test_where_a_blob_ends_is_known_once_its_last_block_is_held(blobs: WatchedBlobs, cached: CachedReads) -> None:
    blobs.put("packs/p", b"short")
    for _ in range(3):
        assert cached.read("packs/p", 1, 3 * BLOCK_BYTES) == b"hort"
    assert len(blobs.reads) == 1


def test_where_others_have_taken_all_room_a_read_goes_by(blobs: WatchedBlobs, pool: ThreadPoolExecutor) -> None:
    cached = CachedReads(blobs, ROOM)
    blobs.put("packs/p", pack(4 * BLOCK_BYTES))
    blobs.open.clear()
    first = pool.submit(cached.read, "packs/p", 0, 10)
    assert blobs.entered.acquire(timeout=120)
    second = pool.submit(cached.read, "packs/p", BLOCK_BYTES, 10)
    assert blobs.entered.acquire(timeout=120)
    assert cached.bytes_held == ROOM
    blobs.open.set()
    assert first.result() + second.result() == pack(4 * BLOCK_BYTES)[:10] + pack(4 * BLOCK_BYTES)[BLOCK_BYTES:][:10]
    assert (cached.misses, cached.passed) == (1, 1)


@pytest.mark.parametrize("room", [ROOM, 5 * ROOM, 64 * ROOM])
def test_whatever_many_threads_read_is_what_is_there(tmp_path: Path, pool: ThreadPoolExecutor, room: int) -> None:
    blobs = LocalBlobs(tmp_path)
    sizes = [1, 1000, BLOCK_BYTES, BLOCK_BYTES + 1, 5 * BLOCK_BYTES - 1, 3 * MIB]
    packs = {f"packs/{size}": pack(size, size) for size in sizes}
    for name, data in packs.items():
        blobs.put(name, data)
    cached = CachedReads(blobs, room)

    def read_at_random(seed: int) -> list[tuple[str, int, int]]:
        dice = random.Random(seed)
        wrong = []
        name, offset = "packs/1", 0
        for _ in range(400):
            if dice.random() < 0.3:
                name = dice.choice(list(packs))
                offset = dice.randrange(len(packs[name]) + 10)
            length = dice.choice([1, 64, 5000, 100_000, 300_000, LARGE_READ_BYTES])
            again = dice.random() < 0.05
            got = cached.fresh(name, offset, length) if again else cached.read(name, offset, length)
            if got != packs[name][offset : offset + length] or cached.bytes_held > room:
                wrong.append((name, offset, length))
            offset += length
        return wrong

    assert [wrong for found in pool.map(read_at_random, range(12)) for wrong in found] == []
    assert cached._reads._blocks.bytes_reserved == 0
    assert cached._reads._flights == {}
