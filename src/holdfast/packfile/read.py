"""Finds the frames of a pack by the pack alone, whatever happened to it.

Used where the catalog cannot be asked: rebuilding it, scrubbing, looking at the tail of a pack that a crash cut off.
What is always true here: a damaged range never hides the frames after it, and every byte of the pack is either part
of a frame that is reported or part of a range that is reported as damaged. Bodies are not looked at: whether a
frame's tag is right is for those who hold the key.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from holdfast.model.errors import Damaged
from holdfast.packfile.layout import (
    FRAME_HEADER_BYTES,
    FRAME_MAGIC,
    PACK_HEADER_BYTES,
    FrameHeader,
    PackHeader,
    decode_frame_header,
    decode_pack_header,
)

ReadAt = Callable[[int, int], bytes]
"""`read_at(offset, length)`: the bytes there; fewer only at the end of the pack."""

_SEARCH_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FoundFrame:
    """A frame with a sound header that lies wholly inside the pack."""

    offset: int
    header: FrameHeader


@dataclass(frozen=True, slots=True)
class DamagedRange:
    """Bytes that belong to no frame with a sound header: a flipped header, a hole, a tail that was cut off."""

    offset: int
    length: int


def pack_header(read_at: ReadAt) -> PackHeader:
    """Whose pack this is. Raises Damaged; the frames may be sound all the same, and say themselves whose they are."""
    return decode_pack_header(read_at(0, PACK_HEADER_BYTES))


def frames(read_at: ReadAt, pack_bytes: int) -> Iterator[FoundFrame | DamagedRange]:
    """Everything behind the pack header of a pack of `pack_bytes`, in order of offset, without gaps."""
    offset = PACK_HEADER_BYTES
    while offset < pack_bytes:
        found = _frame_at(read_at, offset, pack_bytes)
        if found is None:
            start = offset
            found = _next_frame(read_at, start + 1, pack_bytes)
            offset = pack_bytes if found is None else found.offset
            yield DamagedRange(start, offset - start)
            if found is None:
                return
        yield found
        offset += found.header.frame_bytes


def _frame_at(read_at: ReadAt, offset: int, pack_bytes: int) -> FoundFrame | None:
    try:
        header = decode_frame_header(read_at(offset, FRAME_HEADER_BYTES))
    except Damaged:
        return None
    if offset + header.frame_bytes > pack_bytes:
        return None
    return FoundFrame(offset, header)


def _next_frame(read_at: ReadAt, start: int, pack_bytes: int) -> FoundFrame | None:
    """The first sound frame at or after `start`, by searching for the magic number."""
    while start < pack_bytes:
        window = read_at(start, _SEARCH_BYTES)
        position = window.find(FRAME_MAGIC)
        while position >= 0:
            found = _frame_at(read_at, start + position, pack_bytes)
            if found is not None:
                return found
            position = window.find(FRAME_MAGIC, position + 1)
        # A magic number may straddle two windows, so the next one begins just before the end of this one.
        advance = len(window) - (len(FRAME_MAGIC) - 1)
        if advance <= 0:
            return None
        start += advance
    return None
