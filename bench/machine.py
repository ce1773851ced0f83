"""What a benchmark ran on, in three lines for its page."""

import os
import platform
import subprocess
from pathlib import Path

_KIB_PER_GIB = 1 << 20


def machine(whats: str) -> list[str]:
    """Machine, disk and system. `whats` says what lies on the disk of the working directory."""
    cpu = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    mount = subprocess.run(
        ["findmnt", "--noheadings", "--output", "FSTYPE,SOURCE", "--target", "."],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    return [
        f"machine: {cpu}, {os.cpu_count()} cores, {memory / _KIB_PER_GIB:.0f} GiB of memory",
        f"disk: {' on '.join(mount) or 'unknown'}; {whats} all lie on it",
        f"system: {platform.system()} {platform.release()}, Python {platform.python_version()}",
    ]


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
