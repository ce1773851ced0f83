"""The system calls that change a disk, on x86-64, and what one of them is about to do to which file."""

import os
import struct
from dataclasses import dataclass
from pathlib import Path

MARKER = 0x48460000
"""First argument of a prctl that means nothing to the kernel: a process tells its tracer where it is."""

_AT_FDCWD = -100
_PATH_BYTES_MAX = 4096

CALLS: dict[int, str] = {
    1: "write", 2: "open", 18: "pwrite64", 20: "writev", 26: "msync", 74: "fsync", 75: "fdatasync", 76: "truncate",
    77: "ftruncate", 82: "rename", 83: "mkdir", 84: "rmdir", 85: "creat", 86: "link", 87: "unlink", 157: "prctl",
    257: "openat", 258: "mkdirat", 263: "unlinkat", 264: "renameat", 265: "linkat", 277: "sync_file_range",
    285: "fallocate", 296: "pwritev", 316: "renameat2", 326: "copy_file_range",
}  # fmt: skip
NUMBER_OF = {name: number for number, name in CALLS.items()}

SYNCS = frozenset({"fsync", "fdatasync"})
SHORTENABLE = frozenset({"write", "pwrite64", "writev"})
TAKES_SPACE = frozenset(
    {"write", "pwrite64", "writev", "pwritev", "open", "openat", "creat", "mkdir", "mkdirat", "link", "linkat",
     "fallocate", "ftruncate", "copy_file_range", "rename", "renameat", "renameat2"}
)  # fmt: skip
_DESCRIPTOR_FIRST = frozenset(
    {"write", "pwrite64", "writev", "pwritev", "fsync", "fdatasync", "ftruncate", "fallocate", "sync_file_range"}
)
# Which of the arguments are a directory's descriptor (None: the current one) and a path; of two paths the new one.
_PATHS = {
    "open": (None, 0), "creat": (None, 0), "truncate": (None, 0), "mkdir": (None, 0), "rmdir": (None, 0),
    "unlink": (None, 0), "rename": (None, 1), "link": (None, 1), "openat": (0, 1), "mkdirat": (0, 1),
    "unlinkat": (0, 1), "renameat": (2, 3), "linkat": (2, 3), "renameat2": (2, 3),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Call:
    """One call, about to be made."""

    name: str
    path: str
    """The file that it changes; "" where it has no name (a pipe, a socket) or cannot be told."""
    length: int = 0
    """Bytes that it wants to write; of a writev the number of buffers."""
    marker: int | None = None
    """Of a `prctl` that is a mark: its word."""
    creates: bool = True
    """False for an open that makes nothing."""


def decode(tid: int, number: int, arguments: tuple[int, int, int, int]) -> Call:
    """What the stopped thread `tid` is about to do."""
    name = CALLS.get(number, str(number))
    if name == "prctl":
        word = arguments[0] - MARKER
        return Call(name, "", marker=word if 0 <= word < 1 << 16 else None)
    if name in _DESCRIPTOR_FIRST:
        length = arguments[2] if name in ("write", "pwrite64", "writev") else 0
        return Call(name, _path_of(tid, arguments[0]), length)
    if name in _PATHS:
        directory, path = _PATHS[name]
        told = _string(tid, arguments[path])
        above = (
            _AT_FDCWD
            if directory is None
            else struct.unpack("i", struct.pack("I", arguments[directory] & (1 << 32) - 1))[0]
        )
        flags = arguments[1] if name == "open" else arguments[2] if name == "openat" else os.O_CREAT
        return Call(name, _joined(tid, above, told), creates=bool(flags & os.O_CREAT))
    return Call(name, "")


def _path_of(tid: int, descriptor: int) -> str:
    try:
        path = os.readlink(f"/proc/{tid}/fd/{descriptor}")
    except OSError:
        return ""
    return path.removesuffix(" (deleted)") if path.startswith("/") else ""


def _string(tid: int, address: int) -> str:
    with Path(f"/proc/{tid}/mem").open("rb", buffering=0) as memory:
        raw = b""
        while b"\0" not in raw and len(raw) < _PATH_BYTES_MAX:
            memory.seek(address + len(raw))
            # Never across the end of a page that is there into one that is not.
            raw += memory.read(4096 - (address + len(raw)) % 4096)
    return os.fsdecode(raw.partition(b"\0")[0])


def _joined(tid: int, directory: int, path: str) -> str:
    if path.startswith("/"):
        return path
    above = os.readlink(f"/proc/{tid}/cwd") if directory == _AT_FDCWD else _path_of(tid, directory)
    return f"{above}/{path}"
