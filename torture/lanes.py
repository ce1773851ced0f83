"""Starts the processes of a section, follows what they print, and adds it up.

A lane is a module that is run as `python -m MODULE FOLDER SEED SECONDS ROUNDS_MIN`, prints JSON lines of counts, and at
last one with its `findings`, or one that says why it is `skipped`. Lanes are processes of their own because they fork,
and a fork wants a process of one thread.
"""

import json
import pickle
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from torture.ground import SharedGround
from torture.section import Budget, Figures, Report

_TOP = Path(__file__).resolve().parent.parent


def run_lanes(
    name: str,
    module: str,
    budget: Budget,
    report: Report,
    rounds: str,
    *,
    per_process: int = 1,
    grounds: Sequence[SharedGround] = (),
) -> Figures:
    """Lanes of `module`, each with a seed of its own: `per_process` for each process that the budget allows.

    More than one where lanes mostly wait, for a disk or for each other. Where there are `grounds`, it is one lane for
    each, which finds its ground in a file named by one more argument. `rounds` names the count that may not be 0.
    """
    count = len(grounds) or budget.processes * per_process
    lanes = [_Lane(module, budget, number, count, grounds[number : number + 1]) for number in range(count)]
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(name, lanes, report, over), daemon=True)
    watcher.start()
    for lane in lanes:
        lane.follow_to_the_end()
    over.set()
    watcher.join()
    skipped = [lane.skipped for lane in lanes if lane.skipped]
    if skipped:
        return Figures(name, seconds=budget.spent(), skipped=skipped[0])
    losses = tuple(f"seed {lane.seed}: {finding}" for lane in lanes for finding in lane.findings)
    counts = _sum(lanes)
    if not losses and not counts.get(rounds):
        losses = (f"no {rounds} at all: the lanes did nothing",)
    return Figures(name, counts, losses, budget.spent())


class _Lane:
    def __init__(self, module: str, budget: Budget, number: int, of: int, ground: Sequence[SharedGround]) -> None:
        self.seed = budget.seed + number
        self.counts: dict[str, int] = {}
        self.findings: list[str] = []
        self.skipped: str | None = None
        rounds = -(-budget.rounds_min // of)
        folder = budget.folder / f"lane-{number}"
        arguments = [str(folder), str(self.seed), str(budget.left()), str(rounds)]
        for each in ground:
            folder.mkdir(mode=0o700, parents=True)
            arguments.append(str(folder / "ground"))
            (folder / "ground").write_bytes(pickle.dumps(each))
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, text=True, cwd=_TOP
        )
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def follow_to_the_end(self) -> None:
        self._thread.join()
        status = self._process.wait()
        if status not in (0, 1) or bool(status) != bool(self.findings):
            self.findings.append(f"a lane ended with status {status} and {len(self.findings)} findings")

    def _follow(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                facts = json.loads(line)
                self.findings += facts.pop("findings", [])
                self.skipped = facts.pop("skipped", None)
                self.counts = facts


def _watch(name: str, lanes: list[_Lane], report: Report, over: threading.Event) -> None:
    while not over.wait(10):
        counts = _sum(lanes)
        report(f"{name}: " + ", ".join(f"{count} {what}" for what, count in counts.items()))


def _sum(lanes: list[_Lane]) -> dict[str, int]:
    total: dict[str, int] = {}
    for lane in lanes:
        for what, count in lane.counts.items():
            total[what] = total.get(what, 0) + count
    return total
