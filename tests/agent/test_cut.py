"""Cutting: golden vectors (the cuts are a storage format), windows, holes."""

import hashlib
import os
import random
from pathlib import Path

from holdfast.agent import cut
from holdfast.model.limits import KIB, MIB

GOLDEN_DATA = "21dd78b7636697a225c31db10fe7e3eeaac33ad592128cc7f5be2a67bb061e1b"
GOLDEN_LENGTHS = [1844915, 1971004, 6576432, 1341144, 2748669, 3971344, 1705474, 5006842]


def _cuts_of(fd: int, size: int) -> list[tuple[int, int]]:
    found = []
    for start, end in cut.data_stretches(fd, size):
        position = start
        while position < end:
            window, pieces = cut.read_window(fd, position, end)
            found += [(position + offset, length) for offset, length in pieces]
            position += pieces[-1][0] + pieces[-1][1]
            assert len(window) <= cut.WINDOW_BYTES
    return found


def test_the_cuts_of_known_bytes_never_change() -> None:
    data = random.Random(20180410).randbytes(24 * MIB)
    assert hashlib.sha256(data).hexdigest() == GOLDEN_DATA
    assert [length for _, length in cut.cuts(memoryview(data), last=True)] == GOLDEN_LENGTHS


def test_bytes_without_structure_are_cut_at_the_maximum() -> None:
    zeros = memoryview(bytes(20 * MIB))
    assert [length for _, length in cut.cuts(zeros, last=True)] == [8 * MIB, 8 * MIB, 4 * MIB]


def test_windows_cut_where_the_whole_file_would_be_cut(tmp_path: Path) -> None:
    data = random.Random(7).randbytes(70 * MIB) + bytes(9 * MIB) + random.Random(8).randbytes(3 * MIB + 17)
    path = tmp_path / "file"
    path.write_bytes(data)
    fd = os.open(path, os.O_RDONLY)
    try:
        found = []
        position = 0
        while position < len(data):
            _, pieces = cut.read_window(fd, position, len(data))
            found += [(position + offset, length) for offset, length in pieces]
            position += pieces[-1][0] + pieces[-1][1]
    finally:
        os.close(fd)
    assert found == list(cut.cuts(memoryview(data), last=True))
    assert all(cut.CUT_BYTES_MIN <= length <= cut.CUT_BYTES_MAX for _, length in found[:-1])


def test_holes_are_gaps_and_data_keeps_its_offsets(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with open(path, "wb") as file:
        file.truncate(5 * 1024 * MIB)
        for at in (1024 * MIB, 3 * 1024 * MIB + 64 * KIB):
            file.seek(at)
            file.write(b"x" * (64 * KIB))
    fd = os.open(path, os.O_RDONLY)
    try:
        found = _cuts_of(fd, os.fstat(fd).st_size)
        assert list(cut.data_stretches(fd, 0)) == []
    finally:
        os.close(fd)
    covered = sum(length for _, length in found)
    assert covered < MIB
    for at in (1024 * MIB, 3 * 1024 * MIB + 64 * KIB):
        assert any(offset <= at and at + 64 * KIB <= offset + length for offset, length in found)


def test_a_file_shorter_than_promised_ends_where_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "short"
    path.write_bytes(b"abc")
    fd = os.open(path, os.O_RDONLY)
    try:
        window, pieces = cut.read_window(fd, 0, 10 * MIB)
        assert bytes(window) == b"abc"
        assert pieces == [(0, 3)]
        assert cut.read_window(fd, 3, 10 * MIB)[1] == []
    finally:
        os.close(fd)


def test_the_compiled_module_is_active() -> None:
    cut.check_compiled()
