"""An ext4 file system in a file, whose power can be cut: what was not synced is gone after the next mount.

Everything is private to the process that made it: the mounts live in a mount namespace of its own and the loop device
frees itself, so that nothing is left when the process ends, however it ends. Linux only, for root.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import shutil
import struct
import subprocess
import time
from pathlib import Path

_CLONE_NEWNS = 0x00020000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_LOOP_GET_STATUS64, _LOOP_SET_STATUS64 = 0x4C05, 0x4C04
_LOOP_INFO_BYTES, _LOOP_FLAGS_AT, _LOOP_AUTOCLEAR = 232, 52, 4
_FS_IOC_SHUTDOWN, _NO_LOG_FLUSH = 0x8004587D, 2
_UMOUNT_SECONDS_MAX = 10.0

_libc = ctypes.CDLL(None, use_errno=True)


def why_not() -> str | None:
    """Why no such disk can be made here, or None. A container may still refuse when it comes to it."""
    if os.geteuid() != 0:
        return "mounting a file system needs root"
    if not Path("/dev/loop-control").exists():
        return "there are no loop devices here (/dev/loop-control)"
    for program in ("mkfs.ext4", "losetup"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    return None


def own_mounts() -> None:
    """Give this process mounts of its own. Raises OSError where that is not allowed."""
    _check(_libc.unshare(_CLONE_NEWNS))
    _check(_libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None))


class LoopDisk:
    """A file system of `size_mib` on the file `image`, mounted at `mount` (an empty directory, which is made)."""

    def __init__(self, image: Path, mount: Path, size_mib: int = 256) -> None:
        """`own_mounts` was called before. Raises OSError, CalledProcessError."""
        self._mount = mount
        self.image = image
        mount.mkdir(parents=True, exist_ok=True)
        with image.open("wb") as file:
            file.truncate(size_mib << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", str(image)], check=True, capture_output=True)
        found = subprocess.run(["losetup", "--find", "--show", str(image)], check=True, capture_output=True, text=True)
        self._device = found.stdout.strip()
        # Kept open: the device detaches itself when the last descriptor and the last mount of it are gone.
        self._descriptor = os.open(self._device, os.O_RDWR | os.O_CLOEXEC)
        info = bytearray(_LOOP_INFO_BYTES)
        fcntl.ioctl(self._descriptor, _LOOP_GET_STATUS64, info)
        (flags,) = struct.unpack_from("I", info, _LOOP_FLAGS_AT)
        struct.pack_into("I", info, _LOOP_FLAGS_AT, flags | _LOOP_AUTOCLEAR)
        fcntl.ioctl(self._descriptor, _LOOP_SET_STATUS64, bytes(info))
        self._attach()

    def cut_power(self) -> None:
        """From now on nothing reaches the disk any more, not even the file system's own log. Nobody may be writing."""
        directory = os.open(self._mount, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.ioctl(directory, _FS_IOC_SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(directory)

    def power_on(self) -> None:
        """Mount anew what the disk holds. Everyone who had files open on it must be gone."""
        self._detach()
        self._attach()

    def close(self) -> None:
        """Unmount and give the device back."""
        self._detach()
        os.close(self._descriptor)

    def _attach(self) -> None:
        _check(_libc.mount(self._device.encode(), os.fsencode(self._mount), b"ext4", 0, None))

    def _detach(self) -> None:
        until = time.monotonic() + _UMOUNT_SECONDS_MAX
        while _libc.umount2(os.fsencode(self._mount), 0):
            # A process that was just killed may still be letting go of its files.
            if ctypes.get_errno() != errno.EBUSY or time.monotonic() > until:
                raise OSError(ctypes.get_errno(), f"cannot unmount {self._mount}")
            time.sleep(0.001)


def mount_memory(directory: Path) -> None:
    """A file system in memory at `directory`, where there is enough memory; images on it are faster to cut."""
    with contextlib.suppress(OSError):
        _check(_libc.mount(b"none", os.fsencode(directory), b"tmpfs", 0, b"size=1g,mode=0700"))


def _check(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
