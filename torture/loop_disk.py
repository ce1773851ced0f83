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
_LOOP_CTL_GET_FREE, _LOOP_SET_FD, _LOOP_SET_STATUS64 = 0x4C82, 0x4C00, 0x4C04
_LOOP_INFO_BYTES, _LOOP_FLAGS_AT, _LOOP_AUTOCLEAR = 232, 52, 4
_FS_IOC_SHUTDOWN, _NO_LOG_FLUSH = 0x8004587D, 2
_UMOUNT_SECONDS_MAX = 10.0
_ATTEMPTS = 100

_libc = ctypes.CDLL(None, use_errno=True)


def why_not() -> str | None:
    """Why no such disk can be made here, or None. A container may still refuse when it comes to it."""
    if os.geteuid() != 0:
        return "mounting a file system needs root"
    if not Path("/dev/loop-control").exists():
        return "there are no loop devices here (/dev/loop-control)"
    return None if shutil.which("mkfs.ext4") else "mkfs.ext4 is not installed"


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
        # Nothing is left for the kernel to initialise by and by: it would go on beside the cuts.
        lazy = "lazy_itable_init=0,lazy_journal_init=0"
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", "-E", lazy, str(image)], check=True, capture_output=True)
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
        """Unmount; the device goes with that."""
        self._detach()

    def _attach(self) -> None:
        # A device of its own for each mount: what the kernel holds of an old one in memory must not outlive a cut.
        device, descriptor = _loop_device(self.image)
        try:
            _check(_libc.mount(device.encode(), os.fsencode(self._mount), b"ext4", 0, None))
        finally:
            os.close(descriptor)

    def _detach(self) -> None:
        until = time.monotonic() + _UMOUNT_SECONDS_MAX
        while _libc.umount2(os.fsencode(self._mount), 0):
            # A process that was just killed may still be letting go of its files.
            if ctypes.get_errno() != errno.EBUSY or time.monotonic() > until:
                raise OSError(ctypes.get_errno(), f"cannot unmount {self._mount}")
            time.sleep(0.001)


def _loop_device(image: Path) -> tuple[str, int]:
    """A loop device over `image`, and a descriptor of it; it detaches itself after its last descriptor and mount."""
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    backing = os.open(image, os.O_RDWR | os.O_CLOEXEC)
    try:
        for _ in range(_ATTEMPTS):
            device = f"/dev/loop{fcntl.ioctl(control, _LOOP_CTL_GET_FREE)}"
            descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.ioctl(descriptor, _LOOP_SET_FD, backing)
            except OSError as taken:
                os.close(descriptor)
                if taken.errno != errno.EBUSY:
                    raise
                continue  # somebody else was faster
            info = bytearray(_LOOP_INFO_BYTES)
            struct.pack_into("I", info, _LOOP_FLAGS_AT, _LOOP_AUTOCLEAR)
            fcntl.ioctl(descriptor, _LOOP_SET_STATUS64, bytes(info))
            return device, descriptor
        raise OSError(errno.EBUSY, "no loop device was free")
    finally:
        os.close(backing)
        os.close(control)


def mount_memory(directory: Path) -> None:
    """A file system in memory at `directory`, where there is enough memory; images on it are faster to cut."""
    with contextlib.suppress(OSError):
        _check(_libc.mount(b"none", os.fsencode(directory), b"tmpfs", 0, b"size=1g,mode=0700"))


def _check(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
