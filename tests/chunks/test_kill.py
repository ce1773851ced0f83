"""SIGKILL at random moments, again and again over one store: whatever was acknowledged is there afterwards."""

import random
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from holdfast.blobs.local import LocalBlobs
from holdfast.chunks.port import Location
from holdfast.chunks.store import ChunkStore

WRITER = Path(__file__).with_name("writer_to_kill.py")


def kill_after(directory: Path, run: str, lines: int) -> list[bytes]:
    """The lines that a writer printed before it was killed, which was after its `lines`th at the earliest."""
    child = subprocess.Popen([sys.executable, str(WRITER), str(directory), run], stdout=subprocess.PIPE)
    assert child.stdout is not None
    printed = [child.stdout.readline() for _ in range(lines)]
    child.kill()
    rest = child.stdout.read().splitlines(keepends=True)
    child.stdout.close()
    child.wait()
    return [line for line in printed + rest if line.endswith(b"\n")]


def write_and_kill(directory: Path, kills: int, lines_max: int) -> None:
    writer: dict[str, Any] = runpy.run_path(str(WRITER))
    dice = random.Random(kills)
    acknowledged: list[tuple[bytes, Location]] = []
    for run in range(kills):
        for line in kill_after(directory, str(run), dice.randrange(1, lines_max)):
            number, count, pack, offset, frame_bytes = line.split()
            data = writer["content"](str(run), int(number), int(count))
            acknowledged.append((data, Location(bytes.fromhex(pack.decode()), int(offset), int(frame_bytes))))
    keys = writer["open_keys"](directory)
    store = ChunkStore(LocalBlobs(directory))
    rows = writer["open_database"](directory).execute(
        "select chunk_id, pack, offset, frame_bytes, raw_bytes from stored"
    )
    recorded = {(row[0], Location(row[1], row[2], row[3])): row[4] for row in rows}
    for data, location in acknowledged:
        chunk_id = keys.chunk_id(writer["hashlib"].sha256(data).digest())
        assert recorded[chunk_id, location] == len(data)
        assert store.read(keys, chunk_id, location, len(data)) == data
    # The rule behind it: nothing is recorded before its frame is whole, acknowledged or not.
    for (chunk_id, location), raw_bytes in recorded.items():
        store.read(keys, chunk_id, location, raw_bytes)
    assert len(recorded) >= len(acknowledged) > kills


def test_a_writer_killed_two_dozen_times_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    write_and_kill(tmp_path, kills=24, lines_max=200)


@pytest.mark.torture
def test_a_writer_killed_a_thousand_times_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    write_and_kill(tmp_path, kills=1000, lines_max=500)
