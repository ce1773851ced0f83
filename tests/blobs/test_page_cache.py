import os
from pathlib import Path

import pytest

from holdfast.blobs.local import LocalBlobs

MIB = 1 << 20


@pytest.fixture
def given_back(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The (offset, length) of every range that was given back to the page cache."""
    ranges: list[tuple[int, int]] = []
    real = os.posix_fadvise

    def note(descriptor: int, offset: int, length: int, advice: int) -> None:
        assert advice == os.POSIX_FADV_DONTNEED
        ranges.append((offset, length))
        real(descriptor, offset, length, advice)

    monkeypatch.setattr(os, "posix_fadvise", note)
    return ranges


def test_what_is_durable_leaves_the_page_cache_and_stays_readable(
    tmp_path: Path, given_back: list[tuple[int, int]]
) -> None:
    blobs = LocalBlobs(tmp_path)
    file = blobs.create("p")
    data = os.urandom(2 * MIB + 100)
    file.append([data])
    assert given_back == []
    file.sync()
    assert given_back == [(0, len(data))]
    file.append([data])
    file.sync()
    # The page that was only partly filled is offered again, now that it is full.
    assert given_back[1] == (2 * MIB, 2 * MIB + 200)
    file.close()
    assert blobs.get("p") == data * 2


def test_small_appends_stay_cached_until_they_are_worth_a_call(
    tmp_path: Path, given_back: list[tuple[int, int]]
) -> None:
    file = LocalBlobs(tmp_path).create("p")
    for _ in range(16):
        assert given_back == []
        file.append([bytes(MIB // 16)])
        file.sync()
    assert given_back == [(0, MIB)]
    file.close()


def test_large_reads_leave_the_page_cache_and_small_ones_do_not(
    tmp_path: Path, given_back: list[tuple[int, int]]
) -> None:
    blobs = LocalBlobs(tmp_path)
    blobs.put("blob", bytes(MIB))
    blobs.read("blob", 5, 4096)
    assert given_back == []
    assert blobs.read("blob", 5, MIB // 2) == bytes(MIB // 2)
    assert given_back == [(5, MIB // 2)]
