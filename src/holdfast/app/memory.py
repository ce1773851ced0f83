"""Keeps glibc from holding on to the memory of large bodies after they are gone.

Left alone, malloc learns from the first freed chunk to keep blocks of up to 32 MiB in its arenas, one arena for several
threads, and a service that handled 64 clients at once stays several times as large as what it holds. With a fixed
threshold every large block is a mapping of its own that goes back to the system the moment it is freed. On other C
libraries nothing happens.
"""

import ctypes
import sys

from holdfast.model.limits import KIB

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LARGE_BYTES = 32 * 1024 * KIB
_ARENAS_MAX = 1


def return_freed_memory() -> None:
    """Set up malloc for the whole process; call it before threads are started."""
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    for option, value in (
        (_M_MMAP_THRESHOLD, _LARGE_BYTES),
        (_M_TRIM_THRESHOLD, 96 * 1024 * KIB),
        (_M_ARENA_MAX, _ARENAS_MAX),
    ):
        mallopt(option, value)
