"""Which sections a run has, how long each may take, and which run side by side.

What is always true here: never more processes at work than the run was given, and a section's seconds are in proportion
to the run's, so that HOURS=4 is the same run, longer.
"""

import importlib.util
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from torture.section import Figures, Report

_TOP = Path(__file__).resolve().parent.parent
_GRACE_SECONDS = 900
"""How much longer than its seconds a section may take to come to its end, before it is taken for dead."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A section and its part of a run of 900 seconds on two processors."""

    module: str
    seconds: float
    processes: int = 1
    rounds_min: int = 0
    """In a run of its full length or longer; shorter ones need less."""

    def there(self) -> bool:
        """Whether the module exists."""
        return importlib.util.find_spec(self.module) is not None


RUN_SECONDS = 900.0
"""What the entries' seconds add up to, two at a time."""

ENTRIES = (
    Entry("torture.kills", 450, processes=2, rounds_min=10_000),
    Entry("torture.power_cuts", 120),
    Entry("torture.syscalls", 150),
    Entry("torture.crash_states", 100),
    Entry("torture.flips", 100),
    Entry("torture.model", 100),
    Entry("torture.years", 100),
    Entry("torture.saboteurs", 100, processes=2),
)


def run_all(
    entries: Sequence[Entry], scale: float, seed: int, folder: Path, processors: int, report: Report
) -> list[Figures]:
    """The figures of all `entries`, in their order; each has `scale` times its seconds."""
    free = threading.Semaphore(processors)
    results: dict[int, Figures] = {}
    threads = []
    for place, entry in enumerate(entries):
        width = min(entry.processes, processors)
        for _ in range(width):
            free.acquire()

        def work(place: int = place, entry: Entry = entry, width: int = width) -> None:
            try:
                results[place] = _run_one(entry, scale, seed, folder / f"{place}", width, report)
            finally:
                free.release(width)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join()
    return [
        results.get(place) or Figures(entry.module, losses=("the section's process could not be run",))
        for place, entry in enumerate(entries)
    ]


def _run_one(entry: Entry, scale: float, seed: int, folder: Path, width: int, report: Report) -> Figures:
    seconds = entry.seconds * scale * entry.processes / width
    folder.mkdir(parents=True, exist_ok=True)
    result = folder / "figures.json"
    rounds = int(entry.rounds_min * min(1.0, scale))
    arguments = [entry.module, str(seconds), str(seed), str(folder / "work"), str(width), str(rounds)]
    began = time.monotonic()
    report(f"{entry.module}: begins, {seconds:.0f} s")
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "torture.one_section", *arguments, str(result)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=_TOP,
    )
    timer = threading.Timer(seconds + _GRACE_SECONDS + rounds / 5, process.kill)
    timer.start()
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            report(line.rstrip("\n"))
    status = process.wait()
    timer.cancel()
    spent = time.monotonic() - began
    if not result.exists():
        return Figures(entry.module, losses=(f"ended with status {status} and without figures",), seconds=spent)
    return msgspec.json.decode(result.read_bytes(), type=Figures)
