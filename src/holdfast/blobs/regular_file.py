"""Opening what must be a file: nothing else is ever opened, for opening a FIFO waits for ever and a device may act."""

import os
import stat

_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISCHR, "a device"),
)


class NotRegular(OSError):
    """The name is there, and it is something else than a file; the text says what."""


def require_regular(status: os.stat_result) -> None:
    """Raises NotRegular for anything but a file."""
    if not stat.S_ISREG(status.st_mode):
        raise NotRegular(next((kind for is_it, kind in _KINDS if is_it(status.st_mode)), "something unknown"))


def open_to_read(path: str, *, follow: bool = False) -> int:
    """A descriptor of the file. Raises NotRegular for anything else, symbolic links too unless `follow`; OSError."""
    require_regular(os.stat(path, follow_symlinks=follow))
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
    descriptor = os.open(path, flags)
    try:
        # The name may have changed hands in between.
        require_regular(os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
