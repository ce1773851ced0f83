"""A process that holds a root key leaves no core dump: the key would lie in it as it is.

The limit alone is not enough, since a kernel that pipes dumps to a program heeds it hardly. A process that may not be
dumped may not be traced by its own user either; HOLDFAST_DEBUG, for those who look for a defect, leaves all as it is.
"""

import ctypes
import os
import resource
import sys
from contextlib import suppress

_PR_SET_DUMPABLE = 4


def forbid() -> None:
    """From here on the kernel writes no memory of this process anywhere. What it starts begins as usual."""
    if os.environ.get("HOLDFAST_DEBUG"):
        return
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
