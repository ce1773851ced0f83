"""Reads what the scanner found: a small file whole, a link's target, a directory's attributes, with what belongs to it.

A file that changes while it is read is read again, a few times; if it never rests, it is stored as read, with
attributes that make the next backup read it again. A file that holds another number of bytes than its status says, but
the same one each time, does not change: its file system makes the size up (/proc says 0, /sys a page). A file whose
last change is younger than a tick of the file system's clock could change once more and keep its times, so it is read a
tick later. Size in the attributes is that of the bytes stored.
"""

import errno
import os
import stat
import time
from dataclasses import dataclass

from holdfast.agent import inode_flags, xattrs
from holdfast.agent.attributes import describe
from holdfast.agent.scan import Entry
from holdfast.agent.xattrs import MetadataBlob
from holdfast.model.clock import Clock
from holdfast.model.limits import MIB

SMALL_BYTES_MAX = 1 * MIB
"""A file up to this size is one chunk and travels in a batch."""
READ_ATTEMPTS = 3
CLOCK_TICK_NS = 10_000_000
"""No kernel stamps files more coarsely than 100 times a second on a local file system."""

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_IS_ROOT = os.geteuid() == 0


class Vanished(Exception):
    """What the scanner saw is gone; the next backup sees what is there then."""


class Grown(Exception):
    """The file is larger than a batch takes; it goes chunk by chunk."""


@dataclass(frozen=True, slots=True)
class Whole:
    """One object ready to be sent.

    `unrest` says that the file changed while being read; `lost` names attributes that could not be read or do not fit.
    """

    metadata: str
    data: bytes | None
    blob: bytes | None
    unrest: bool = False
    lost: tuple[str, ...] = ()


def read_entry(entry: Entry, clock: Clock, about: MetadataBlob) -> Whole:
    """Contents and attributes of `entry`; with `about` if it is the source's top. Raises OSError, Vanished or Grown."""
    top = about if entry.is_top else None
    try:
        if entry.kind == "f":
            return _read_file(entry, clock, top)
        if entry.kind == "d":
            return _read_directory(entry, top)
        data = os.fsencode(os.readlink(entry.leaf, dir_fd=entry.directory.fd)) if entry.kind == "l" else None
        found = xattrs.read(path_of(entry), top)
        metadata = describe(entry.status, entry.kind, size=0 if data is None else len(data))
        return Whole(metadata, data, found.blob, lost=found.lost)
    except OSError as error:
        if error.errno == errno.ENOENT or (error.errno == errno.EINVAL and entry.kind == "l"):
            raise Vanished(entry.name) from error
        raise


def path_of(entry: Entry) -> str:
    """A path of `entry` that leads through its directory's descriptor, for calls that take no descriptor."""
    return f"/proc/self/fd/{entry.directory.fd}/{entry.leaf}"


def open_file(entry: Entry) -> int:
    """A descriptor of a regular file, its access time left alone where that is allowed. Raises OSError or Vanished."""
    owned = _IS_ROOT or entry.status.st_uid == os.geteuid()
    try:
        return os.open(entry.leaf, _FLAGS | os.O_NOATIME if owned else _FLAGS, dir_fd=entry.directory.fd)
    except OSError as error:
        if error.errno == errno.EPERM and owned:
            return os.open(entry.leaf, _FLAGS, dir_fd=entry.directory.fd)
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENXIO):
            raise Vanished(entry.name) from error
        raise


def same(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether nothing happened to a file between two looks at it."""
    return (
        one.st_mtime_ns == other.st_mtime_ns
        and one.st_ctime_ns == other.st_ctime_ns
        and one.st_size == other.st_size
        and one.st_ino == other.st_ino
    )


def too_fresh(status: os.stat_result, began_us: int) -> bool:
    """Whether a change after `began_us` could leave the times as they are."""
    return status.st_ctime_ns > began_us * 1000 - CLOCK_TICK_NS


def begin(status: os.stat_result, clock: Clock) -> int:
    """The moment (microseconds) at which reading begins: a file just written is first given the time to age a tick."""
    began_us = clock.now_us()
    if abs(status.st_ctime_ns - began_us * 1000) > CLOCK_TICK_NS:
        return began_us  # old enough, or from the future: no wait would help that one
    time.sleep(CLOCK_TICK_NS / 1e9)
    return clock.now_us()


def _read_file(entry: Entry, clock: Clock, top: MetadataBlob | None) -> Whole:
    fd = open_file(entry)
    try:
        before = entry.status
        attempts_left = READ_ATTEMPTS
        last_size = 0
        while True:
            attempts_left -= 1
            began_us = begin(before, clock)
            data = _read_all(fd, before.st_size)
            after = os.fstat(fd)
            rested = same(before, after) and (len(data) == after.st_size or len(data) == last_size or not after.st_size)
            last_size = len(data)
            if rested or not attempts_left:
                break
            if not stat.S_ISREG(after.st_mode):
                raise Vanished(entry.name)
            before = after
            os.lseek(fd, 0, os.SEEK_SET)
        read_again = not rested or too_fresh(after, began_us)
        metadata = describe(after, "f", size=len(data), read_again=read_again)
        found = xattrs.read(fd, top, inode_flags.read(fd))
        return Whole(metadata, data or None, found.blob, unrest=not rested, lost=found.lost)
    finally:
        os.close(fd)


def _read_all(fd: int, size: int) -> bytes:
    """The file from its beginning to its end; one system call where it is as large as it was. Raises Grown."""
    data = os.read(fd, size + 1)
    if len(data) == size:
        return data
    pieces = [data]
    total = len(data)
    while piece := os.read(fd, SMALL_BYTES_MAX):
        pieces.append(piece)
        total += len(piece)
        if total > SMALL_BYTES_MAX:
            raise Grown
    return b"".join(pieces)


def _read_directory(entry: Entry, top: MetadataBlob | None) -> Whole:
    metadata = describe(entry.status, "d")
    try:
        directory = entry.directory.open(entry.leaf)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP, errno.ENOENT):
            raise Vanished(entry.name) from error
        # Unreadable: its name and attributes are known all the same.
        return Whole(metadata, None, None if top is None else xattrs.encode(top))
    found = xattrs.read(directory.fd, top, inode_flags.read(directory.fd))
    return Whole(metadata, None, found.blob, lost=found.lost)
