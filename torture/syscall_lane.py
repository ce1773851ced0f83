"""One lane of `syscalls`: each scenario again and again, with one system call of it refused, shortened, or its last.

For each scenario a store is made ready once. A clean run over a copy of it tells which calls there are. Then, in random
order, each call meets each kind of fault: a copy of the store, a process that was forked and is traced, the scenario,
the fault; then the same process must work on, and a fresh one must find everything that was acknowledged, do the
scenario again, collect, and find everything again.
"""

import json
import os
import random
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from torture.aftermath import Attempt, prepare, try_again, under_fault
from torture.faults import FAULTS, Fault, Watch
from torture.journal import Follower
from torture.ledger import Ledger
from torture.lines import Line
from torture.scenarios import SCENARIOS, Scenario
from torture.system_calls import Call
from torture.tether import die_with_parent
from torture.tracer import Kill, Tracer, why_not
from torture.warm import warm_up

_REPORT_SECONDS = 2.0
_UID = re.compile(r"[0-9a-f]{16,}")


@dataclass(frozen=True, slots=True)
class Target:
    """One fault at one call of one scenario."""

    scenario: Scenario
    at: int
    fault: Fault
    call: Call

    def kind(self) -> tuple[str, ...]:
        """Targets of one kind are likely to find the same: the catalog's log is written to a hundred times."""
        return self.scenario.name, self.fault.name, self.call.name, _kind_of_file(self.call.path)


def _kind_of_file(path: str) -> str:
    return _UID.sub("*", path.rpartition("/store")[2])


class Lane:
    """Works off targets until its time is over: at first one of each kind, then a second, and so on."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._dice = random.Random(seed)
        self._lines: dict[str, list[Line]] = {}
        self.counts = {"faults injected": 0, "acknowledgements": 0} | {f"of {fault.name}": 0 for fault in FAULTS}
        self.findings: list[str] = []

    def run(self, until: float, faults_min: int) -> None:
        """All targets, and again from the start while there is time."""
        targets = [target for scenario in SCENARIOS for target in self._targets(scenario)]
        reported = time.monotonic()
        while not self.findings:
            for target in self._mixed(targets):
                if self.findings or (time.monotonic() >= until and self.counts["faults injected"] >= faults_min):
                    return
                self._strike(target)
                if time.monotonic() - reported > _REPORT_SECONDS:
                    reported = time.monotonic()
                    print(json.dumps(self.counts), flush=True)

    def _mixed(self, targets: list[Target]) -> list[Target]:
        self._dice.shuffle(targets)
        seen: dict[tuple[str, ...], int] = {}
        ranked = []
        for place, target in enumerate(targets):
            rank = seen[target.kind()] = seen.get(target.kind(), -1) + 1
            ranked.append((rank, place, target))
        return [target for _, _, target in sorted(ranked, key=lambda one: one[:2])]

    def _targets(self, scenario: Scenario) -> Iterator[Target]:
        template = self._folder / "templates" / scenario.name.replace(" ", "-")
        attempt = Attempt(template, scenario)
        attempt.records.mkdir(parents=True)
        _run(lambda: prepare(attempt))
        self._collect_findings(attempt, f"{scenario.name}, making it ready")
        if self.findings:
            return
        self._lines[scenario.name] = list(Follower(attempt.journal).new_lines())
        clean = self._fresh(scenario, "clean")
        watch = Watch(clean.store)
        self._traced(clean, watch)
        self._collect_findings(clean, f"{scenario.name}, without a fault")
        shutil.rmtree(clean.home)
        for at, call in enumerate(watch.calls):
            for fault in FAULTS:
                if fault.strikes(call):
                    yield Target(scenario, at, fault, call)

    def _strike(self, target: Target) -> None:
        what = (
            f"{target.scenario.name}, {target.fault.name} at call {target.at} ({target.call.name} {target.call.path})"
        )
        attempt = self._fresh(target.scenario, "run")
        watch = Watch(attempt.store, target.fault, target.at)
        status = self._traced(attempt, watch)
        self.findings += [f"{what}: {wrong}" for wrong in watch.wrong]
        killed = isinstance(target.fault.verdict, Kill) and watch.struck is not None
        if not killed:
            self._collect_findings(attempt, what)
            if status and not self.findings:
                self.findings.append(f"{what}: the process ended with status {status}")
        if not self.findings:
            ledger = self._ledger(attempt)
            before = ledger.acknowledged
            _run(lambda: try_again(attempt, ledger))
            self._collect_findings(attempt, f"{what}, afterwards")
            self.counts["acknowledgements"] += before - Ledger(self._lines[target.scenario.name]).acknowledged
        # Runs differ a little: where a call does not come this time, nothing was injected.
        self.counts["faults injected"] += watch.struck is not None
        self.counts[f"of {target.fault.name}"] += watch.struck is not None
        if not self.findings:
            shutil.rmtree(attempt.home)

    def _fresh(self, scenario: Scenario, name: str) -> Attempt:
        attempt = Attempt(self._folder / name, scenario)
        shutil.rmtree(attempt.home, ignore_errors=True)
        attempt.records.mkdir(parents=True)
        template = Attempt(self._folder / "templates" / scenario.name.replace(" ", "-"), scenario)
        shutil.copytree(template.store, attempt.store)
        return attempt

    def _ledger(self, attempt: Attempt) -> Ledger:
        ledger = Ledger(self._lines[attempt.scenario.name])
        for line in Follower(attempt.journal).new_lines():
            ledger.apply(line)
        return ledger

    def _traced(self, attempt: Attempt, watch: Watch) -> int:
        ledger = Ledger(self._lines[attempt.scenario.name])
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(writing)
            _in_child(lambda: under_fault(attempt, ledger, reading))
        os.close(reading)
        tracer = Tracer(pid)
        os.write(writing, b"g")
        os.close(writing)
        return tracer.follow(watch.decide)

    def _collect_findings(self, attempt: Attempt, what: str) -> None:
        if attempt.findings.exists():
            text = attempt.findings.read_text(errors="replace").strip()
            if text:
                self.findings.append(f"{what}: {text[:4000]}")


def _run(work: Callable[[], None]) -> None:
    """In a process of its own, which leaves no threads and no open store behind."""
    pid = os.fork()
    if pid == 0:
        _in_child(work)
    os.waitpid(pid, 0)


def _in_child(work: Callable[[], None]) -> None:
    code = 2
    try:
        die_with_parent()
        work()
        code = 0
    finally:
        os._exit(code)


def main() -> int:
    """Run one lane as the command line says (see `lanes`), or say why it cannot run here."""
    folder, seed, seconds, faults_min = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    until = time.monotonic() + seconds
    folder.mkdir(parents=True, exist_ok=True)
    die_with_parent()
    reason = why_not() or _refused()
    if reason is not None:
        print(json.dumps({"skipped": reason}), flush=True)
        return 0
    warm_up(folder)
    lane = Lane(folder, seed)
    lane.run(until, faults_min)
    print(json.dumps({**lane.counts, "findings": lane.findings}), flush=True)
    return 1 if lane.findings else 0


def _refused() -> str | None:
    """Why a child cannot be traced here, by trying."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    os.close(reading)
    try:
        Tracer(pid)
    except OSError as refused:
        return refused.strerror
    finally:
        os.close(writing)
        os.waitpid(pid, 0)
    return None


if __name__ == "__main__":
    sys.exit(main())
