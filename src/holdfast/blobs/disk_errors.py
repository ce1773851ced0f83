"""What an OSError of the local store means to those above it: the one table from errno to our errors."""

import errno
from pathlib import Path

from holdfast.blobs.regular_file import NotRegular
from holdfast.model.errors import Damaged, DiskFull, HoldfastError, NotFound, ReadOnly, Unavailable

_FULL = {
    errno.ENOSPC: "the disk is full: free space on that file system, or delete recovery points and run `holdfast gc`",
    errno.EDQUOT: "the disk quota is used up: raise the quota of the service's user, or free space",
}
_REFUSED = {
    errno.EFBIG: "the file would pass the largest size allowed: raise the limit (ulimit -f) or choose smaller packs",
    errno.EROFS: "the file system is read-only: it may have been remounted after a disk error, see the kernel's log",
    errno.EACCES: "permission is denied: the store's directory must belong to the user of the service",
    errno.EPERM: "the file system does not permit it: the store needs one with hard links, owned by the service's user",
    errno.EMFILE: "too many files are open: raise the limit of the process (ulimit -n)",
    errno.ENFILE: "too many files are open on this machine: raise fs.file-max",
}


def write_error(error: OSError, doing: str, path: Path) -> HoldfastError:
    """Why `doing` (a verb phrase) at `path` failed: DiskFull or Unavailable, with the remedy where one is known."""
    if error.errno in _FULL:
        return DiskFull(f"cannot {doing} {path}: {_FULL[error.errno]}")
    reason = _REFUSED.get(error.errno or 0) or _plain(error)
    kind = ReadOnly if error.errno == errno.EROFS else Unavailable
    return kind(f"cannot {doing} {path}: {reason}")


def read_error(error: OSError, path: Path) -> HoldfastError:
    """Why reading at `path` failed: NotFound, Damaged where the disk cannot give the bytes back, else Unavailable."""
    if isinstance(error, NotRegular):
        return NotFound(f"there is no blob at {path}: {error} stands there, and only a file is read")
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP):
        return NotFound(f"there is no blob at {path}")
    if error.errno in (errno.EIO, errno.EBADMSG, errno.EUCLEAN):
        return Damaged(f"cannot read {path}: the disk reports {_plain(error)}")
    return write_error(error, "read", path)


def _plain(error: OSError) -> str:
    return f"{error.strerror or error} (errno {errno.errorcode.get(error.errno or 0, error.errno)})"
