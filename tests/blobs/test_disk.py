"""The real disk makes the system calls that its verbs promise; what is above it is tested on disks that only count."""

import os
from pathlib import Path

import pytest

from holdfast.blobs.disk import SystemDisk


class Synced:
    """Passes syncs on to the system and notes what file each was for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.files: list[tuple[str, str]] = []
        for name in ("fsync", "fdatasync"):
            monkeypatch.setattr(os, name, self._noting(name, getattr(os, name)))

    def _noting(self, name: str, real: object) -> object:
        def call(descriptor: int) -> None:
            self.files.append((name, os.readlink(f"/proc/self/fd/{descriptor}")))
            real(descriptor)  # type: ignore[operator]

        return call


def test_a_sync_is_a_system_call_on_that_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = Synced(monkeypatch)
    disk = SystemDisk()
    descriptor = disk.create(tmp_path / "file")
    disk.write(descriptor, [b"data"])
    assert synced.files == []
    disk.sync(descriptor)
    os.close(descriptor)
    assert synced.files == [("fdatasync", str(tmp_path / "file"))]


def test_a_sync_that_the_system_refuses_is_an_error() -> None:
    reader, writer = os.pipe()
    with pytest.raises(OSError, match="Invalid argument"):
        SystemDisk().sync(writer)
    os.close(reader)
    os.close(writer)


def test_a_sync_of_a_directory_is_a_system_call_on_that_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = Synced(monkeypatch)
    SystemDisk().sync_directory(tmp_path)
    assert synced.files == [("fsync", str(tmp_path))]
