"""The flags of an inode that chattr sets and lsattr shows, as FS_IOC_GETFLAGS tells them.

Kept are those that people set. What a file system sets itself (extents, encryption, verity) belongs to how it stores a
file; that a file must not be copied on write can be said only while it is empty.
"""

import fcntl
import struct

_LONG = struct.calcsize("l")
_GET = 0x80006601 | _LONG << 16
_SET = 0x40006602 | _LONG << 16
_ROOM = bytes(8)
_INT = struct.Struct("=I")

_LETTERS = {
    0x00000004: "c",  # compress
    0x00000008: "S",  # write at once
    0x00000010: "i",  # immutable
    0x00000020: "a",  # append only
    0x00000040: "d",  # no dump
    0x00000080: "A",  # no access times
    0x00000400: "m",  # do not compress
    0x00010000: "D",  # write the directory at once
    0x00020000: "T",  # top of a hierarchy
}
KEPT = sum(_LETTERS)
FROZEN = 0x00000010 | 0x00000020
"""Immutable or append only: such a file cannot be renamed, linked or replaced."""


def read(fd: int) -> int:
    """The flags kept of an open file or directory; 0 where the file system has none."""
    try:
        found: int = _INT.unpack_from(fcntl.ioctl(fd, _GET, _ROOM))[0]
    except OSError:
        return 0
    return found & KEPT


def add(fd: int, flags: int) -> None:
    """Set `flags` beside those that are there. Raises OSError."""
    found: int = _INT.unpack_from(fcntl.ioctl(fd, _GET, _ROOM))[0]
    wanted = found | (flags & KEPT)
    if wanted != found:
        fcntl.ioctl(fd, _SET, _INT.pack(wanted) + bytes(4))


def letters(flags: int) -> str:
    """The flags as chattr spells them."""
    return "".join(letter for bit, letter in _LETTERS.items() if flags & bit)
