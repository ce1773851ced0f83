"""One lane of `power_cuts`: the power of the store's disk is cut at random moments, and comes back."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from torture.fork_server import ForkServer, Pace, serve_lane
from torture.ground import DirectoryGround
from torture.loop_disk import LoopDisk, mount_memory, own_mounts, why_not

_PACE = Pace(lives_per_store=500, everything_every=50, early_share=0.15, early_seconds=0.06, work_bytes=8000)


class PowerCut:
    """The process is stopped, then nothing it wrote and did not sync ever was."""

    def __init__(self, folder: Path) -> None:
        self._memory = folder / "memory"
        self._memory.mkdir()
        mount_memory(self._memory)
        self._disk: LoopDisk | None = None

    def prepare(self, home: Path) -> DirectoryGround:
        """A new disk, and on it a directory that is not there yet."""
        self._disk = LoopDisk(self._memory / "image", home / "disk")
        return DirectoryGround(home / "disk" / "store")

    def strike(self, pid: int) -> None:
        """Stop, cut, kill, mount anew."""
        assert self._disk is not None
        # Stopped first: a process in the middle of an fsync could otherwise be told that it succeeded after the cut.
        os.kill(pid, signal.SIGSTOP)
        _, status = os.waitpid(pid, os.WUNTRACED)
        self._disk.cut_power()
        if os.WIFSTOPPED(status):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self._disk.power_on()

    def clear(self) -> None:
        """The disk is thrown away."""
        assert self._disk is not None
        self._disk.close()
        self._disk.image.unlink()

    def save(self, folder: Path) -> None:
        """Keep the disk as evidence: the memory that it lies in goes with this process."""
        if self._disk is not None and self._disk.image.exists():
            shutil.copy(self._disk.image, folder / "disk-with-loss.ext4")


def main() -> int:
    """Run the lane, or say why it cannot run here."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    reason = why_not()
    attack: PowerCut | None = None
    if reason is None:
        try:
            own_mounts()
            attack = PowerCut(folder)
            attack.prepare(folder / "trial")
            attack.clear()
        except (OSError, subprocess.CalledProcessError) as refused:
            reason = f"a loop device cannot be mounted here: {refused}"
    if attack is None or reason is not None:
        print(json.dumps({"skipped": reason}), flush=True)
        return 0
    status = serve_lane(lambda folder, seed: ForkServer(folder, seed, attack, _PACE, "power cuts"))
    if status:
        attack.save(folder)
    return status


if __name__ == "__main__":
    sys.exit(main())
