"""What running processes have taken of the machine, as the kernel counts it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> dict[str, float]:
    """Resident memory of a process and what it started, now and at most; of several the largest."""
    found: list[tuple[int, int]] = []
    for process in _family(pid):
        lines = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
        found.append((int(lines["VmRSS"].split()[0]) * 1024, int(lines["VmHWM"].split()[0]) * 1024))
    return {"memory now": max(now for now, _ in found), "memory peak": max(peak for _, peak in found)}


def processor_seconds(pids: Sequence[int]) -> float:
    """Processor time, user's and system's, of these processes and all that they started."""
    ticks = 0
    for pid in pids:
        for process in _family(pid):
            # One that ended meanwhile has left its time with its parent.
            with suppress(OSError):
                ticks += sum(int(word) for word in _stat(process)[11:15])
    return ticks * _TICK_SECONDS


def parent(pid: int) -> int:
    """Who started it."""
    return int(_stat(pid)[1])


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _family(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in children.read_text().split():
                yield from _family(int(child))
