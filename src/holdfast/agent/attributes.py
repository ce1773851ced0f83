"""What a file is apart from its contents: the metadata string of its object.

    hf1 KIND MODE UID GID SIZE MTIME_NS CTIME_NS INODE [h=DEV:INO] [r=MAJOR:MINOR]

Compact ASCII. KIND is f (file), d (directory), l (symbolic link), p (FIFO), c or b (device); MODE is the whole st_mode
in octal; SIZE is that of the bytes stored, 0 for what has no contents. `h=` marks one of several hard links. Two equal
strings mean "unchanged": the agent then sends nothing. A CTIME of 0 never equals a real one, so that the next backup
reads the file again.

Invariants: every number that a kernel can report is written, and what is written is read back; 64-bit seconds make
nanoseconds of 29 characters, and the longest string stays below METADATA_STRING_BYTES_MAX. A string that begins with
the mark of this format is never taken for another client's.
"""

import os
import re
import stat

import msgspec

from holdfast.model.errors import InvalidInput

VERSION = "hf1"
READ_AGAIN_CTIME = 0
MODE_MAX = 0o177777

_KINDS = {
    stat.S_IFREG: "f",
    stat.S_IFDIR: "d",
    stat.S_IFLNK: "l",
    stat.S_IFIFO: "p",
    stat.S_IFCHR: "c",
    stat.S_IFBLK: "b",
}
_TYPES = {kind: type_bits for type_bits, kind in _KINDS.items()}
_MARK = re.compile(r"hf([0-9]+) ")
_PATTERN = re.compile(
    r"hf1 ([fdlpcb]) ([0-7]{1,7}) ([0-9]{1,20}) ([0-9]{1,20}) ([0-9]{1,20}) (-?[0-9]{1,39}) (-?[0-9]{1,39})"
    r" ([0-9]{1,20})(?: h=([0-9]{1,20}:[0-9]{1,20}))?(?: r=([0-9]{1,10}):([0-9]{1,10}))?"
)
_SHOWN_MAX = 80


class Attributes(msgspec.Struct, frozen=True, gc=False):
    """A parsed metadata string. Times are nanoseconds since 1970; `link` is the hard-link group or None."""

    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    link: str | None = None
    device: tuple[int, int] | None = None


def kind_of(status: os.stat_result) -> str | None:
    """The kind letter, or None for what is never stored (sockets)."""
    return _KINDS.get(stat.S_IFMT(status.st_mode))


def describe(status: os.stat_result, kind: str, *, size: int | None = None, read_again: bool = False) -> str:
    """The metadata string of a file with this status; `size` where the bytes stored differ from st_size."""
    if size is None:
        size = status.st_size if kind in "fl" else 0
    ctime = READ_AGAIN_CTIME if read_again else status.st_ctime_ns
    text = (
        f"{VERSION} {kind} {status.st_mode:o} {status.st_uid} {status.st_gid} {size} {status.st_mtime_ns} {ctime}"
        f" {status.st_ino}"
    )
    if kind == "d":
        return text
    if status.st_nlink > 1:
        text += f" h={status.st_dev}:{status.st_ino}"
    if kind in "cb":
        text += f" r={os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    return text


def parse(text: str | None) -> Attributes | None:
    """The attributes in a metadata string, or None where another client wrote it.

    Raises InvalidInput where it has our mark, but cannot be read.
    """
    match = _PATTERN.fullmatch(text) if text is not None else None
    if match is None:
        mark = _MARK.match(text) if text is not None else None
        if mark is None:
            return None
        raise InvalidInput(_unreadable(str(text), mark.group(1)))
    kind, mode, uid, gid, size, mtime, ctime, inode, link, major, minor = match.groups()
    mode_bits = int(mode, 8)
    if stat.S_IFMT(mode_bits) not in (0, _TYPES[kind]) or mode_bits > MODE_MAX:
        raise InvalidInput(f"its attributes are damaged: mode {mode} is not that of kind {kind}")
    device = (int(major), int(minor)) if major is not None else None
    return Attributes(kind, mode_bits, int(uid), int(gid), int(size), int(mtime), int(ctime), int(inode), link, device)


def _unreadable(text: str, version: str) -> str:
    if len(version) > 1 or version > VERSION[2:]:
        return f"its attributes were written by a newer Holdfast (hf{version[:_SHOWN_MAX]}); read it with that one"
    return f"its attributes are damaged: {text[:_SHOWN_MAX]!r}"
