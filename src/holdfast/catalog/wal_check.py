"""Whether SQLite, when it opened a catalog after a crash, cut off more of its log than a crash can have spoiled.

SQLite takes the frames of the log up to the first whose checksum is wrong, and forgets the rest without a word. That is
right for what was being written when the power failed: one transaction, since each is synced before the next begins. It
is wrong for a bit that flipped in a frame that had long been synced: all transactions behind it would be gone, though
they were acknowledged. The two can be told apart. Checksums are chained: each frame's begins where that of the frame
before it ended, and the end is written in the frame. So frames that hang together were written one after the other in
one life of the log, and where two transactions of such a run end behind the cut, the first of them was synced.

What it cannot tell: a flip in the very last transaction looks like a power cut within it, and a log that was cut short
from outside leaves nothing behind the cut. The second shows by packs that the catalog does not know.

The format of the log is SQLite's, documented at its "WAL-mode file format"; this module reads bytes and decides.
"""

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

Read = Callable[[int, int], bytes]
"""Offset and length to bytes; fewer only where the file ends."""

HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24

_HEADER = struct.Struct(">IIIIIIII")
_FRAME = struct.Struct(">IIIIII")
_MAGIC_LITTLE, _MAGIC_BIG = 0x377F0682, 0x377F0683
_MASK = 0xFFFFFFFF
_PAGE_BYTES_DEFAULT = 4096

_Sums = tuple[int, int]


class _Log(NamedTuple):
    order: str
    page_bytes: int
    salts: tuple[int, int] | None
    """None where the header says nothing to be relied on."""


class _Frame(NamedTuple):
    number: int
    ends_transaction: bool
    salts: tuple[int, int]
    sums: _Sums
    summed: bytes


def synced_frames_cut_off(read: Read, log_bytes: int, frames_taken: int) -> int:
    """How many frames that must have been synced stand in the log behind those that were taken; 0 if none needs have.

    `frames_taken` is how many SQLite took when it opened the catalog.
    """
    log = _log(read(0, HEADER_BYTES))
    if log.salts is None:
        # SQLite takes nothing of a log whose header is wrong, and the header is synced before the first frame.
        return max(_longest_run(read, log._replace(order=order), log_bytes, 0) for order in "<>")
    return _longest_run(read, log, log_bytes, frames_taken)


def _longest_run(read: Read, log: _Log, log_bytes: int, frames_taken: int) -> int:
    longest = 0
    run: list[bool] | None = None
    """Which of the frames that hang together end a transaction; None for frames of an earlier life of the log."""
    # What the frame before ends with, and the run up to it, if only its salts or sums are what was damaged: one that
    # fits behind that proves the contents of the one before, which its own header no longer does.
    computed: _Sums | None = None
    bridged: list[bool] | None = None
    before: _Frame | None = None
    for frame in _frames(read, log, log_bytes, max(frames_taken - 1, 0)):
        if before is None or frame.number != before.number + 1:
            before, computed, run = None, None, None
        sums = _sums(log.order, frame.summed, before.sums) if before is not None else None
        reached: list[bool] | None = None
        if run is not None and sums == frame.sums:
            reached = run
        elif bridged is not None and computed is not None and _sums(log.order, frame.summed, computed) == frame.sums:
            reached = bridged
        elif log.salts is None or frame.salts == log.salts:
            reached = []
        computed, bridged = sums, None if run is None else [*run, frame.ends_transaction]
        run, before = None if reached is None else [*reached, frame.ends_transaction], frame
        if frame.number < frames_taken:
            run, bridged = [], None  # it was taken: it counts for nothing itself, and the chain goes on from it
        longest = max(longest, len(run) if run is not None and sum(run) > 1 else 0)
    return longest


def _log(header: bytes) -> _Log:
    if len(header) == HEADER_BYTES:
        magic, _, page_bytes, _, salt_one, salt_two, *sums = _HEADER.unpack(header)
        if magic in (_MAGIC_LITTLE, _MAGIC_BIG):
            order = "<" if magic == _MAGIC_LITTLE else ">"
            if _sums(order, header[:24], (0, 0)) == tuple(sums):
                return _Log(order, page_bytes, (salt_one, salt_two))
    return _Log("<", _PAGE_BYTES_DEFAULT, None)


def _frames(read: Read, log: _Log, log_bytes: int, frames_taken: int) -> Iterator[_Frame]:
    """All frames from that number on, of whatever life of the log."""
    stride = FRAME_HEADER_BYTES + log.page_bytes
    for number in range(frames_taken, (log_bytes - HEADER_BYTES) // stride):
        offset = HEADER_BYTES + number * stride
        header = read(offset, FRAME_HEADER_BYTES)
        if len(header) < FRAME_HEADER_BYTES:
            return
        page, size_after, salt_one, salt_two, *sums = _FRAME.unpack(header)
        salts = (salt_one, salt_two)
        if page:
            summed = header[:8] + read(offset + FRAME_HEADER_BYTES, log.page_bytes)
            if len(summed) == 8 + log.page_bytes:
                yield _Frame(number, size_after > 0, salts, (sums[0], sums[1]), summed)


def _sums(order: str, data: bytes, start: _Sums) -> _Sums:
    """SQLite's checksum of `data` (a multiple of 8 bytes), going on from `start`."""
    one, two = start
    words = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
    for first, second in zip(words, words, strict=True):
        one = (one + first + two) & _MASK
        two = (two + second + one) & _MASK
    return one, two
