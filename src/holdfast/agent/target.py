"""Where a restore writes: nothing ever lands outside the directory it was given, whoever moves things about meanwhile.

Every operation is one component relative to an open directory, and directories are opened component by component
without following links. A new file grows under a temporary name beside its place and is renamed into it when it is
whole, so a reader sees the old file, then the new one, never a part. A link or a file that stands where a directory
must be is removed; a directory that stands where a file must be is removed only if it is empty.
"""

import errno
import itertools
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from holdfast.agent.attributes import Attributes
from holdfast.agent.directory import Directory, OpenDirectories, open_root

PRIVATE_MODE = 0o700
IS_ROOT = os.geteuid() == 0
_FILE_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_A_DIRECTORY = (errno.ENOTDIR, errno.ELOOP)
_ATTEMPTS = 5

_run = secrets.token_hex(6)
_numbers = itertools.count()


class Target:
    """The tree being written below one directory."""

    def __init__(self, path: str) -> None:
        os.makedirs(path, exist_ok=True)
        self.root = open_root(path)
        self._open = OpenDirectories(self.root)

    def directory(self, parts: tuple[bytes, ...]) -> Directory:
        """The directory at `parts`, made (with those above it) where it is missing. Raises OSError."""
        try:
            return self._open.open(parts)
        except OSError as error:
            if error.errno not in (errno.ENOENT, *_NOT_A_DIRECTORY):
                raise
        return self.make(parts, 0o777)

    def existing(self, parts: tuple[bytes, ...]) -> Directory:
        """The directory at `parts`, which must be there. Raises OSError."""
        return self._open.open(parts)

    def make(self, parts: tuple[bytes, ...], mode: int) -> Directory:
        """The directory at `parts`, newly made with `mode` unless there is one. Raises OSError."""
        if not parts:
            return self.root
        parent = self.directory(parts[:-1])
        made = make_directory(parent, parts[-1], mode)
        self._open.keep(parts, made)
        return made


def make_directory(parent: Directory, leaf: bytes, mode: int) -> Directory:
    """The subdirectory `leaf`, made if need be in place of a link or file. Raises OSError."""
    for _ in range(_ATTEMPTS):
        with suppress(FileExistsError):
            os.mkdir(leaf, mode, dir_fd=parent.fd)
        try:
            return parent.open(leaf)
        except FileNotFoundError:
            continue  # somebody removed it between the two calls
        except OSError as error:
            if error.errno not in _NOT_A_DIRECTORY:
                raise
        with suppress(FileNotFoundError, IsADirectoryError):
            os.unlink(leaf, dir_fd=parent.fd)
    raise FileExistsError(errno.EEXIST, "another program keeps replacing it", leaf)


def temporary_name() -> bytes:
    """A name nobody else uses in any directory."""
    return b".holdfast-%s-%x.tmp" % (_run.encode(), next(_numbers))


@contextmanager
def new_file(directory: Directory, leaf: bytes) -> Iterator[int]:
    """A descriptor of a new file that takes its place as `leaf` on leaving; an exception leaves no trace of it."""
    temporary = temporary_name()
    fd = os.open(temporary, _FILE_FLAGS, 0o600, dir_fd=directory.fd)
    try:
        try:
            yield fd
        finally:
            os.close(fd)
        put_in_place(directory, temporary, leaf)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=directory.fd)
        raise


def put_in_place(directory: Directory, temporary: bytes, leaf: bytes) -> None:
    """Rename over whatever is there, but for a directory with something in it. Raises OSError."""
    try:
        os.rename(temporary, leaf, src_dir_fd=directory.fd, dst_dir_fd=directory.fd)
    except OSError as error:
        if error.errno not in (errno.EISDIR, errno.ENOTEMPTY, errno.EEXIST):
            raise
        os.rmdir(leaf, dir_fd=directory.fd)
        os.rename(temporary, leaf, src_dir_fd=directory.fd, dst_dir_fd=directory.fd)


def new_special(directory: Directory, leaf: bytes, attributes: Attributes, link_target: bytes | None) -> None:
    """A symbolic link, FIFO or device, complete with its attributes, at `leaf`. Raises OSError."""
    temporary = temporary_name()
    if link_target is not None:
        os.symlink(link_target, temporary, dir_fd=directory.fd)
    else:
        major, minor = attributes.device or (0, 0)
        os.mknod(temporary, (attributes.mode & 0o170000) | 0o600, os.makedev(major, minor), dir_fd=directory.fd)
    try:
        if IS_ROOT:
            os.chown(temporary, attributes.uid, attributes.gid, dir_fd=directory.fd, follow_symlinks=False)
        if link_target is None:
            _set_mode(directory, temporary, permissions(attributes))
        times = (attributes.mtime_ns, attributes.mtime_ns)
        os.utime(temporary, ns=times, dir_fd=directory.fd, follow_symlinks=False)
        put_in_place(directory, temporary, leaf)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=directory.fd)
        raise


def _set_mode(directory: Directory, leaf: bytes, mode: int) -> None:
    """Permissions of a special file, neither opening what it stands for nor following a link put in its place."""
    fd = os.open(leaf, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory.fd)
    try:
        os.chmod(f"/proc/self/fd/{fd}", mode)
    finally:
        os.close(fd)


_SET_ID_BITS = 0o6000


def permissions(attributes: Attributes) -> int:
    """The permission bits to restore: set-id bits only to the owner they were granted by."""
    mode = attributes.mode & 0o7777
    return mode if IS_ROOT or attributes.uid == os.geteuid() else mode & ~_SET_ID_BITS


def set_attributes(fd: int, attributes: Attributes) -> None:
    """Owner (as root), permissions and modification time of an open file or directory. Raises OSError."""
    if IS_ROOT:
        os.fchown(fd, attributes.uid, attributes.gid)
    os.fchmod(fd, permissions(attributes))
    os.utime(fd, ns=(attributes.mtime_ns, attributes.mtime_ns))
