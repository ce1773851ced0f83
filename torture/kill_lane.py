"""One lane of `kills`: SIGKILL at random moments, while opening, checking and working."""

import os
import signal
import sys
from pathlib import Path

from torture.fork_server import ForkServer, Pace, serve_lane

_PACE = Pace(lives_per_store=1500, everything_every=100, early_share=0.15, early_seconds=0.06, work_bytes=8000)


class Kill:
    """SIGKILL: whatever the process had not written is gone; what it wrote is in the kernel's hands."""

    def prepare(self, home: Path) -> Path:
        """Nothing: a store makes its directory."""
        return home / "store"

    def strike(self, pid: int) -> None:
        """Kill."""
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

    def clear(self) -> None:
        """Nothing."""


if __name__ == "__main__":
    sys.exit(serve_lane(lambda folder, seed: ForkServer(folder, seed, Kill(), _PACE, "kills")))
