"""A descriptor is the reader's as long as it is inside: its number could be another file's a moment later."""

import os
from pathlib import Path

import pytest

from holdfast.blobs.open_files import OpenFiles


@pytest.mark.parametrize("way", ["forgotten", "pushed out", "closed"])
def test_a_file_that_goes_while_it_is_read_is_closed_after_its_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.write_bytes(b"mine" * 10)
    other.write_bytes(b"not!" * 10)
    files = OpenFiles(1)
    taken: list[int] = []
    inside: list[int] = []
    real = os.pread

    def pread(descriptor: int, length: int, offset: int) -> bytes:
        if not inside:
            inside.append(descriptor)
            if way == "forgotten":
                files.forget(mine)
            elif way == "pushed out":
                assert files.read(other, 0, 4) == b"not!"
            else:
                files.close()
            # If the descriptor was closed, its number is given to this one.
            taken.append(os.open(other, os.O_RDONLY))
        return real(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", pread)
    assert files.read(mine, 0, 40) == b"mine" * 10
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(inside[0])
    os.close(taken[0])
    files.close()
