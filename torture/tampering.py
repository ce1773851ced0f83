"""Flips bits of files and puts them back; copies stores; says what each byte of a pack is."""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.packfile.layout import FRAME_HEADER_BYTES, PACK_HEADER_BYTES, TAG_BYTES, FrameHeader
from holdfast.packfile.read import FoundFrame, frames

GoesOn = Callable[[int], bool]
"""Whether to begin another round after that many."""

_MEMORY = Path("/dev/shm")  # noqa: S108 - only directories of our own are made there, each with a name nobody can guess

_FIELDS = {
    "magic": 8,
    "version": 1,
    "codec": 1,
    "kind": 1,
    "reserved": 1,
    "key number": 4,
    "vault": 16,
    "frame id": 32,
    "raw length": 4,
    "stored length": 4,
    "salt": 32,
    "checksum": 4,
}
assert sum(_FIELDS.values()) == FRAME_HEADER_BYTES
FRAME_REGIONS = (*_FIELDS, "body", "tag")


@dataclass(slots=True)
class Tally:
    """What came of flips, by words of the report. `wrong` must stay empty."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def blame(self, where: str, found: list[str]) -> None:
        """Notes what was wrong after a flip at `where`."""
        self.wrong += [f"{where}: {one}" for one in found]


def swift_folder() -> Path | None:
    """Where files live in memory, if there is such a place: what is made and thrown away by the thousand goes there.

    A killed process loses nothing there either; only a power cut would.
    """
    return _MEMORY if os.access(_MEMORY, os.W_OK) else None


@contextmanager
def swift_place() -> Iterator[Path]:
    """A directory there, or among the temporary files, for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="holdfast-torture-", dir=swift_folder()) as place:
        yield Path(place)


def flip(path: Path, offset: int, mask: int) -> None:
    """Turns those bits of one byte of a file; again, and the file is as before."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        byte = os.pread(descriptor, 1, offset)[0]
        os.pwrite(descriptor, bytes([byte ^ mask]), offset)
    finally:
        os.close(descriptor)


@contextmanager
def flipped(path: Path, offset: int, mask: int) -> Iterator[None]:
    """Those bits are turned meanwhile."""
    flip(path, offset, mask)
    try:
        yield
    finally:
        flip(path, offset, mask)


def fresh_copy(image: Path, place: Path) -> Path:
    """`place`, made anew as a copy of the directory `image`."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(image, place)
    return place


def pack_files(directory: Path) -> list[Path]:
    """The packs of a store, in the order of their names."""
    return sorted(path for path in (directory / "blobs" / "packs").rglob("*") if path.is_file())


def frames_of(pack: Path) -> list[FoundFrame]:
    """The frames of a pack whose headers are sound."""
    return frames_in(pack.read_bytes())


def frames_in(data: bytes) -> list[FoundFrame]:
    """The same, of the bytes of a pack."""
    found = frames(lambda offset, length: data[offset : offset + length], len(data))
    return [one for one in found if isinstance(one, FoundFrame)]


def place_of(found: list[FoundFrame], offset: int) -> tuple[str, FrameHeader | None]:
    """What the byte at `offset` of a pack with these frames is: region and frame; no frame is the pack's own header."""
    if offset < PACK_HEADER_BYTES:
        return "pack header", None
    [frame] = [one for one in found if one.offset <= offset < one.offset + one.header.frame_bytes]
    [region] = [name for name, (start, end) in regions(frame).items() if start <= offset < end]
    return region, frame.header


def regions(frame: FoundFrame) -> dict[str, tuple[int, int]]:
    """Where in the pack each region of a frame begins and ends."""
    found: dict[str, tuple[int, int]] = {}
    start = frame.offset
    for region, length in {**_FIELDS, "body": frame.header.stored_bytes, "tag": TAG_BYTES}.items():
        found[region] = (start, start + length)
        start += length
    return found
