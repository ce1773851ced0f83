"""Where a restore writes: nothing ever lands outside the directory it was given, whoever moves things about meanwhile.

Every operation is one component relative to an open directory, and directories are opened component by component
without following links. A new file grows under a temporary name beside its place and is renamed into it when it is
whole, so a reader sees the old file, then the new one, never a part. A link or a file that stands where a directory
must be is removed; a directory that stands where a file must be is removed only if it is empty.

What is new has no access list from the directory it is made in. Where the file system takes two names for one, because
case or a Unicode normal form does not count, the second one is refused: it would replace the first.
"""

import errno
import itertools
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock

from holdfast.agent import acl, xattrs
from holdfast.agent.attributes import Attributes
from holdfast.agent.directory import Directory, OpenDirectories, open_root

PRIVATE_MODE = 0o700
IS_ROOT = os.geteuid() == 0
PROC_PATH = "/proc/self/fd/%d"
"""The path of a descriptor, for calls that take a path only; no link put in a name's place leads them elsewhere."""
_FILE_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
NOT_A_DIRECTORY = (errno.ENOTDIR, errno.ELOOP)
_ATTEMPTS = 5

_run = secrets.token_hex(6)
_numbers = itertools.count()
_names_lock = Lock()


class NameTaken(FileExistsError):
    """The target takes a name for that of something else, which is there already."""


class Target:
    """The tree being written below one directory. `made_mode` is what its permissions would be if it was made here."""

    def __init__(self, path: str) -> None:
        self.made_mode: int | None = None
        if not os.path.isdir(path):
            os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
            os.mkdir(path)
            self.root = open_root(path)
            self.made_mode = stat.S_IMODE(os.fstat(self.root.fd).st_mode)
            os.fchmod(self.root.fd, PRIVATE_MODE)
        else:
            self.root = open_root(path)
        self._open = OpenDirectories(self.root)

    def directory(self, parts: tuple[bytes, ...]) -> Directory:
        """The directory at `parts`, made (with those above it) where it is missing. Raises OSError."""
        try:
            return self._open.open(parts)
        except OSError as error:
            if error.errno not in (errno.ENOENT, *NOT_A_DIRECTORY):
                raise
        return self.make(parts, 0o777)[0]

    def existing(self, parts: tuple[bytes, ...]) -> Directory:
        """The directory at `parts`, which must be there. Raises OSError."""
        return self._open.open(parts)

    def make(self, parts: tuple[bytes, ...], mode: int) -> tuple[Directory, bool]:
        """The directory at `parts`, and whether it was made (with `mode`) because there was none. Raises OSError."""
        if not parts:
            return self.root, self.made_mode is not None
        parent = self.directory(parts[:-1])
        directory, made = make_directory(parent, parts[-1], mode)
        self._open.keep(parts, directory)
        return directory, made


def make_directory(parent: Directory, leaf: bytes, mode: int) -> tuple[Directory, bool]:
    """The subdirectory `leaf`, made if need be in place of a link or file, and whether it was. Raises OSError."""
    for _ in range(_ATTEMPTS):
        made = False
        with suppress(FileExistsError):
            os.mkdir(leaf, mode, dir_fd=parent.fd)
            made = True
        if not made and (not leaf.isascii() or _is_there(parent, leaf.swapcase())):
            _require_own_name(parent, leaf)
        try:
            directory = _opened(parent, leaf)
        except FileNotFoundError:
            continue  # somebody removed it between the two calls
        except OSError as error:
            if error.errno not in NOT_A_DIRECTORY:
                raise
        else:
            if made:
                _forget_inherited(parent, directory.fd)
                directory.inherits = False
                directory.folds = parent.folds  # a new directory takes names as the one it is in
                directory.is_open = True
                parent.listed.add(leaf)
            return directory, made
        with suppress(FileNotFoundError, IsADirectoryError):
            os.unlink(leaf, dir_fd=parent.fd)
    raise FileExistsError(errno.EEXIST, "another program keeps replacing it", leaf)


def _opened(parent: Directory, leaf: bytes) -> Directory:
    try:
        return parent.open(leaf)
    except PermissionError:
        unlock(parent, leaf)
        return parent.open(leaf)


def unlock(parent: Directory, leaf: bytes) -> int:
    """Open a directory to its owner, who is running this; the permissions it had. Raises OSError."""
    fd = os.open(leaf, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=parent.fd)
    try:
        mode = stat.S_IMODE(os.fstat(fd).st_mode)
        os.chmod(PROC_PATH % fd, mode | PRIVATE_MODE)
    finally:
        os.close(fd)
    return mode


def _forget_inherited(parent: Directory, file: int | str) -> None:
    """Take away the access lists that something new has from its directory: its own ones come with its attributes."""
    if parent.inherits is None:
        parent.inherits = xattrs.has(parent.fd, acl.DEFAULT)
    if parent.inherits:
        xattrs.remove(file, acl.NAMES)


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
            _forget_inherited(directory, fd)
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
    if directory.folds is None:
        directory.folds = _is_there(directory, temporary.swapcase())
    if leaf.isascii() and not directory.folds:
        _rename(directory, temporary, leaf)
        return
    with _names_lock:
        if _is_there(directory, leaf):
            _require_own_name(directory, leaf)
        _rename(directory, temporary, leaf)
        directory.listed.add(leaf)


def _rename(directory: Directory, temporary: bytes, leaf: bytes) -> None:
    try:
        os.rename(temporary, leaf, src_dir_fd=directory.fd, dst_dir_fd=directory.fd)
    except PermissionError as error:
        raise PermissionError(
            error.errno,
            f"{error.strerror}: what stands there, or its directory, may be immutable (lsattr shows it)",
        ) from error
    except OSError as error:
        if error.errno not in (errno.EISDIR, errno.ENOTEMPTY, errno.EEXIST):
            raise
        os.rmdir(leaf, dir_fd=directory.fd)
        os.rename(temporary, leaf, src_dir_fd=directory.fd, dst_dir_fd=directory.fd)


def _is_there(directory: Directory, leaf: bytes) -> bool:
    try:
        os.stat(leaf, dir_fd=directory.fd, follow_symlinks=False)
    except OSError:
        return False
    return True


def _require_own_name(directory: Directory, leaf: bytes) -> None:
    """Raises NameTaken where what is there as `leaf` has another name: case, or a normal form, does not count here."""
    if leaf not in directory.listed:
        directory.listed = set(map(os.fsencode, os.listdir(directory.fd)))
        if leaf not in directory.listed:
            raise NameTaken(errno.EEXIST, "the target takes its name for another file's; restore it elsewhere")


def new_special(
    directory: Directory, leaf: bytes, attributes: Attributes, link_target: bytes | None, finish: Callable[[str], None]
) -> None:
    """A symbolic link, FIFO or device at `leaf`; `finish` gives it its attributes by a path. Raises OSError."""
    temporary = temporary_name()
    if link_target is not None:
        os.symlink(link_target, temporary, dir_fd=directory.fd)
    else:
        major, minor = attributes.device or (0, 0)
        mode = stat.S_IFMT(attributes.mode) | 0o600
        os.mknod(temporary, mode, os.makedev(major, minor), dir_fd=directory.fd)
    try:
        path = f"{PROC_PATH % directory.fd}/{temporary.decode()}"
        if link_target is None:
            _forget_inherited(directory, path)
        finish(path)
        put_in_place(directory, temporary, leaf)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=directory.fd)
        raise
