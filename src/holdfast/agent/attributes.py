"""What a file is apart from its contents: the metadata string of its object.

    hf1 KIND MODE UID GID SIZE MTIME_NS CTIME_NS INODE [h=DEV:INO] [r=MAJOR:MINOR]

Compact ASCII, never longer than 200 bytes. KIND is f (file), d (directory), l (symbolic link), p (FIFO), c or b
(device); MODE is the whole st_mode in octal; SIZE is that of the bytes stored, 0 for what has no contents. `h=` marks
one of several hard links. Two equal strings mean "unchanged": the agent then sends nothing. A CTIME of 0 never equals a
real one, so that the next backup reads the file again.
"""

import os
import re
import stat

import msgspec

VERSION = "hf1"
READ_AGAIN_CTIME = 0

_KINDS = {
    stat.S_IFREG: "f",
    stat.S_IFDIR: "d",
    stat.S_IFLNK: "l",
    stat.S_IFIFO: "p",
    stat.S_IFCHR: "c",
    stat.S_IFBLK: "b",
}
_PATTERN = re.compile(
    r"hf1 ([fdlpcb]) ([0-7]{1,7}) (\d{1,20}) (\d{1,20}) (\d{1,20}) (-?\d{1,20}) (-?\d{1,20}) (\d{1,20})"
    r"(?: h=(\d{1,20}:\d{1,20}))?(?: r=(\d{1,10}):(\d{1,10}))?"
)


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
    """The attributes in a metadata string, or None where another client wrote it."""
    match = _PATTERN.fullmatch(text) if text is not None else None
    if match is None:
        return None
    kind, mode, uid, gid, size, mtime, ctime, inode, link, major, minor = match.groups()
    device = (int(major), int(minor)) if major is not None else None
    return Attributes(
        kind, int(mode, 8), int(uid), int(gid), int(size), int(mtime), int(ctime), int(inode), link, device
    )
