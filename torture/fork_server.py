"""Lets a store live and die, life after life: the half that is the same whatever it dies of.

Python and the service are imported once, in a process of one thread; each life is a fork of it. The attack ends the
life; the journal's new lines go into the ledger; the next life, forked from there, checks what the store holds.
"""

import json
import os
import random
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torture.ground import Ground
from torture.journal import Follower
from torture.ledger import Ledger
from torture.life import DONE, READY, REBUILDING, Place, Plan, fork
from torture.tether import die_with_parent
from torture.warm import warm_up

EVERYTHING = 1_000_000
_READY_SECONDS_MAX = 60.0
_REPORT_SECONDS = 2.0
_WORK_SECONDS_MAX = 1.0
_POLL_SECONDS = 0.001


class Attack(Protocol):
    """How lives end, and what that does to the store."""

    def prepare(self, home: Path) -> Ground:
        """Before the first life of a store: where it is to be; its directory in `home` or below."""
        ...

    def strike(self, pid: int) -> None:
        """End the process `pid`, a child, and wait for it; the store is ready for the next life on return."""
        ...

    def clear(self) -> None:
        """After the last life of a store that lost nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """When lives end, and how often everything is looked at."""

    lives_per_store: int
    everything_every: int
    """Lives between two checks of every byte."""
    early_share: float
    """Of lives that end while they open or check, ..."""
    early_seconds: float
    """... at some moment within these seconds after their birth."""
    work_bytes: int
    """The others end once their journal has grown by up to these bytes (about two hundred a request), ..."""
    last_seconds: float = 0.004
    """... at some moment within these seconds."""
    rebuild_share: float = 0.04
    """Of lives that begin by making the catalog anew; half of these end while they do it."""


class ForkServer:
    """One store after another under one kind of attack."""

    def __init__(self, folder: Path, seed: int, attack: Attack, pace: Pace, strikes: str) -> None:
        """`strikes` is what the report calls the ends of lives."""
        self._folder = folder
        self._dice = random.Random(seed)
        self._attack = attack
        self._pace = pace
        self._strikes = strikes
        self.counts = {strikes: 0, "acknowledgements": 0, "checks of everything": 0, "rebuilds": 0, "stores": 0}
        self.findings: list[str] = []

    def run(self, until: float, lives_min: int) -> None:
        """Lives until the monotonic time `until`, but at least `lives_min`, or until there is a finding."""
        reported = time.monotonic()
        while not self.findings and not self._enough(until, lives_min):
            home = self._folder / f"store-{self.counts['stores']}"
            self.counts["stores"] += 1
            (home / "records").mkdir(parents=True)
            place = Place(self._attack.prepare(home), home / "records")
            ledger = Ledger()
            follower = Follower(place.journal)
            number = 0
            while number < self._pace.lives_per_store and not self.findings and not self._enough(until, lives_min):
                self._live_and_die(place, ledger, follower, number)
                number += 1
                if time.monotonic() - reported > _REPORT_SECONDS:
                    reported = time.monotonic()
                    print(json.dumps(self.counts), flush=True)
            if not self.findings:
                self._last_look(place, ledger, follower, number)
            if not self.findings:
                self._attack.clear()
                shutil.rmtree(home)

    def _enough(self, until: float, lives_min: int) -> bool:
        return time.monotonic() >= until and self.counts[self._strikes] >= lives_min

    def _live_and_die(self, place: Place, ledger: Ledger, follower: Follower, number: int) -> None:
        pace = self._pace
        everything = number % pace.everything_every == pace.everything_every - 1
        rebuild = self._dice.random() < pace.rebuild_share
        plan = Plan(number, self._dice.getrandbits(48), rebuild=rebuild)
        if everything:
            plan = Plan(number, plan.seed, EVERYTHING, EVERYTHING, rebuild=rebuild)
        rebuild = rebuild or ledger.rebuilding
        pid, ready = fork(place, ledger, plan)
        if rebuild and self._dice.random() < 0.5:
            # Not on every store has it begun by then: a store without points has nothing to be made anew from.
            self._hear(pid, ready, place, REBUILDING)
            time.sleep(self._dice.random() * pace.early_seconds)
        elif not everything and self._dice.random() < pace.early_share:
            time.sleep(self._dice.random() * pace.early_seconds)
        elif self._hear(pid, ready, place, READY):
            self.counts["checks of everything"] += everything
            self._let_work(place)
        ended = os.waitpid(pid, os.WNOHANG)[0] == pid
        if not ended:
            self._attack.strike(pid)
        os.close(ready)
        self.counts[self._strikes] += 1
        self._look_for_findings(place, number, ended=ended)
        self._follow(ledger, follower)

    def _let_work(self, place: Place) -> None:
        """Measured in work, not in time: on a busy machine lives take longer, and are as full."""
        enough = place.journal.stat().st_size + self._dice.randrange(self._pace.work_bytes)
        until = time.monotonic() + _WORK_SECONDS_MAX
        while place.journal.stat().st_size < enough and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
        time.sleep(self._dice.random() * self._pace.last_seconds)

    def _last_look(self, place: Place, ledger: Ledger, follower: Follower, number: int) -> None:
        plan = Plan(number, 0, points_max=EVERYTHING, objects_max=EVERYTHING, last=True)
        pid, ready = fork(place, ledger, plan)
        well = self._hear(pid, ready, place, READY) and self._hear(pid, ready, place, DONE)
        self.counts["checks of everything"] += well
        if not well:
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(ready)
        self._look_for_findings(place, number, ended=not well)
        self._follow(ledger, follower)

    def _hear(self, pid: int, ready: int, place: Place, word: bytes) -> bool:
        """Whether the life said the word; one that ended, or hangs, did not."""
        if select.select([ready], [], [], _READY_SECONDS_MAX)[0]:
            heard = os.read(ready, 1)
            if heard == REBUILDING != word:
                self.counts["rebuilds"] += 1
                return self._hear(pid, ready, place, word)
            return heard == word
        os.kill(pid, signal.SIGUSR1)
        time.sleep(1)
        self.findings.append(f"a life hung for {_READY_SECONDS_MAX:.0f} s: its stacks are in {place.findings}")
        return False

    def _look_for_findings(self, place: Place, number: int, *, ended: bool) -> None:
        for file in (place.findings, place.log):
            if file.exists() and file.stat().st_size:
                text = file.read_text(errors="replace").strip()
                self.findings.append(f"life {number}, {file}: {text[:4000]}")
        if ended and not self.findings:
            self.findings.append(f"life {number} of {place.store.folder} ended by itself and left no word")

    def _follow(self, ledger: Ledger, follower: Follower) -> None:
        before = ledger.acknowledged
        for line in follower.new_lines():
            ledger.apply(line)
        ledger.forget_ended()
        self.counts["acknowledgements"] += ledger.acknowledged - before


def serve_lane(make: Callable[[Path, int], ForkServer]) -> int:
    """The main function of a lane (see `lanes`), with the server that `make` makes of folder and seed."""
    folder, seed, seconds, lives_min = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    until = time.monotonic() + seconds
    folder.mkdir(parents=True, exist_ok=True)
    die_with_parent()
    warm_up(folder)
    server = make(folder, seed)
    server.run(until, lives_min)
    print(json.dumps({**server.counts, "findings": server.findings}), flush=True)
    return 1 if server.findings else 0
