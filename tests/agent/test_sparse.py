"""Files with holes: holes cost nothing, neither on the way in nor on the way out."""

import os
from pathlib import Path

from tests.agent.rig import Rig

MIB = 1024 * 1024
GIB = 1024 * MIB


def _read(path: Path, at: int, size: int) -> bytes:
    with open(path, "rb") as file:
        file.seek(at)
        return file.read(size)


def test_five_gibibytes_with_little_in_them_travel_as_little(rig: Rig) -> None:
    path = rig.tree / "sparse"
    places = {0: b"first", GIB + 4096: b"m" * (3 * MIB), 5 * GIB - 5: b"last!"}
    with open(path, "wb") as file:
        file.truncate(5 * GIB)
        for at, data in places.items():
            file.seek(at)
            file.write(data)
    with open(rig.tree / "hole", "wb") as file:
        file.truncate(3 * GIB + 1)
    with open(rig.tree / "small hole", "wb") as file:
        file.truncate(300_000)
        file.seek(200_000)
        file.write(b"data")
    report = rig.back_up()
    assert report.problems == []
    assert rig.transport.body_bytes < 8 * MIB
    rig.restore()
    restored = rig.out / "sparse"
    assert restored.stat().st_size == 5 * GIB
    assert os.stat(restored).st_blocks * 512 < 8 * MIB
    for at, data in places.items():
        assert _read(restored, at, len(data)) == data
        assert not any(_read(restored, at + len(data), MIB))
    assert (rig.out / "hole").stat().st_size == 3 * GIB + 1
    assert (rig.out / "hole").stat().st_blocks == 0
    assert (rig.out / "small hole").read_bytes() == (rig.tree / "small hole").read_bytes()


def test_a_change_in_a_large_file_sends_the_chunks_around_it(rig: Rig) -> None:
    data = bytearray(os.urandom(40 * MIB))
    (rig.tree / "large").write_bytes(data)
    rig.back_up()
    data[20 * MIB : 20 * MIB] = b"inserted"
    (rig.tree / "large").write_bytes(data)
    report = rig.back_up()
    assert rig.transport.asked_first > 8
    assert rig.skipped_bytes > 20 * MIB
    assert report.bytes_skipped == rig.skipped_bytes
    assert report.bytes_sent < 20 * MIB
    rig.restore()
    assert (rig.out / "large").read_bytes() == data
