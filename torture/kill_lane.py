"""One lane of `kills`: SIGKILL at random moments, while opening, checking and working."""

import os
import pickle
import signal
import sys
from itertools import count
from pathlib import Path

from torture.fork_server import ForkServer, Pace, serve_lane
from torture.ground import DirectoryGround, Ground, SharedGround

_PACE = Pace(lives_per_store=1500, everything_every=100, early_share=0.15, early_seconds=0.06, work_bytes=8000)
_SHARED_PACE = Pace(
    lives_per_store=100,
    everything_every=25,
    early_share=0.2,
    early_seconds=0.5,
    work_bytes=8000,
    last_seconds=0.03,
)
"""There a life takes longer to open, and what it asks for is longer under way."""


class Kill:
    """SIGKILL: whatever the process had not written is gone; what it wrote is in the hands of others."""

    def __init__(self, shared: SharedGround | None = None) -> None:
        """`shared`: where to make stores instead of in directories; nobody else uses the database."""
        self._shared = shared
        self._numbers = count()

    def prepare(self, home: Path) -> Ground:
        """Nothing: a store makes its directory, or its schema."""
        if self._shared is None:
            return DirectoryGround(home / "store")
        return self._shared.part(home / "store", f"store{next(self._numbers)}")

    def strike(self, pid: int) -> None:
        """Kill."""
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

    def clear(self) -> None:
        """Nothing."""


def main() -> int:
    """Runs the lane, on a shared ground if a file with one is named."""
    if len(sys.argv) == 5:
        return serve_lane(lambda folder, seed: ForkServer(folder, seed, Kill(), _PACE, "kills"))
    # Loaded by whoever forks, and used by nobody but those who were forked.
    import holdfast.blobs.s3
    import holdfast.catalog.postgres  # noqa: F401

    shared = pickle.loads(Path(sys.argv[5]).read_bytes())  # noqa: S301 - what the run that started us wrote
    return serve_lane(lambda folder, seed: ForkServer(folder, seed, Kill(shared), _SHARED_PACE, "kills"))


if __name__ == "__main__":
    sys.exit(main())
