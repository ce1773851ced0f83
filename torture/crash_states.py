"""Every power cut in thought: each state that a crash could have left is opened and looked at.

A store works on a disk that remembers all it was told. What a crash at any of these moments could have left must hold
what had been acknowledged by then.

Nothing here needs root or a device. Packs, keys and the catalog's file and log share one history, so that the order
between them is what is tried; what is not synced may be lost, kept, torn or come out of order, each piece for itself
(`holdfast.testing.crash_states`). The catalog's syncs are SQLite's, the packs' are ours: one that is left out shows.
"""

import io
import random
import shutil
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.access.authenticate import Caller
from holdfast.app.build import System
from holdfast.app.config import StoreOptions
from holdfast.app.in_process import InProcessTransport
from holdfast.client.api import Api
from holdfast.client.call import Credentials
from holdfast.model.errors import HoldfastError
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics
from holdfast.testing.crash_disk import CrashDisk, History
from holdfast.testing.crash_states import CrashState, crash_states
from holdfast.testing.crash_vfs import CrashVfs
from torture.actor import Conductor
from torture.check import Checker
from torture.hand import Hand
from torture.journal import LedgerJournal
from torture.ledger import Ledger
from torture.lines import Line
from torture.section import Budget, Figures, Report

NAME = "crash states"

STATES_PER_HISTORY = 200
_SOURCES = ("default/home", "second/mail")
_ROUNDS = 8
_FIRST_NUMBER_OF_CHECKS = 1_000_000
_EVERYTHING = 1_000_000
_REPORT_SECONDS = 10.0
_AGAIN_EVERY = 20
"""States after which one is opened and crashes again."""
_STATES_OF_AN_OPENING = 6

_CALLER = Caller("torture")

DiskMaker = Callable[[History], CrashDisk]


class PlacedJournal(LedgerJournal):
    """A ledger's journal that knows after how many events of the disk each line was written."""

    def __init__(self, history: History) -> None:
        super().__init__(Ledger())
        self._history = history
        self.placed: list[tuple[int, Line]] = []

    def write(self, line: Line) -> None:
        with self.lock:
            self.placed.append((self._history.position, line))
            self.ledger.apply(line)

    def ledger_at(self, position: int) -> Ledger:
        """What was known when the disk had done its first `position` events."""
        return Ledger(line for placed, line in self.placed if placed <= position)


@dataclass(slots=True)
class Story:
    """One store at work on a crash disk, from its making."""

    directory: Path
    dice: random.Random
    disk_of: DiskMaker = CrashDisk
    history: History = field(init=False)
    journal: PlacedJournal = field(init=False)

    def __post_init__(self) -> None:
        self.directory.mkdir(mode=0o700)
        self.history = History(self.directory)
        self.journal = PlacedJournal(self.history)

    def play(self, rounds: int = _ROUNDS) -> None:
        """Backups, deletions, collection; now and then the store is closed and opened, or its log folded in."""
        # The name is the process's: two stories at a time must not meet.
        vfs = CrashVfs(f"crash-{id(self)}", self.history)
        left = rounds
        numbers = 0
        while left:
            system = System(
                StoreOptions(self.directory, reserve_bytes=0),
                Metrics(),
                open_log("error", "json", io.StringIO()),
                disk=self.disk_of(self.history),
                catalog_vfs=f"crash-{id(self)}",
            )
            with closing(system):
                system.upkeep.close()
                hand = Hand(_api(system), self.journal, numbers)
                numbers += 10_000
                if "second" not in self.journal.ledger.vaults:
                    hand.make_vault("second")
                for _ in range(min(left, self.dice.randint(2, 5))):
                    left -= 1
                    self._round(system, hand, left)
        vfs.unregister()

    def _round(self, system: System, hand: Hand, left: int) -> None:
        source = self.dice.choice(_SOURCES)
        Conductor(hand, self.journal, source, "c", self.dice, left, points_max=2).backup(lambda: False)
        if self.dice.random() < 0.7:
            care(system, self.dice)
        if self.dice.random() < 0.3:
            system.catalog.fold_log()


def care(system: System, dice: random.Random) -> None:
    """One piece of care, if the service has it."""
    operation, params = dice.choice(
        [
            ("CollectGarbage", {"Seconds": 2, "CompactThreshold": 1}),
            ("CollectGarbage", {"Seconds": 2}),
            ("VerifyStore", {"Seconds": 2}),
            ("RotateVaultKey", {"BackupVaultName": "default"}),
        ]
    )
    if operation in system.handlers:
        system.handlers[operation](_CALLER, dict(params))


def look(state: CrashState, ledger: Ledger, directory: Path) -> tuple[list[str], int]:
    """Opens the state, and says what is wrong with it and how many objects were read."""
    state.materialise(directory)
    log = io.StringIO()
    try:
        options = StoreOptions(directory, reserve_bytes=0)
        with closing(System(options, Metrics(), open_log("error", "json", log))) as system:
            system.upkeep.close()
            api = _api(system)
            journal = LedgerJournal(ledger)
            checker = Checker(api, ledger, journal, random.Random(state.seed))
            checker.settle(Hand(api, journal, _FIRST_NUMBER_OF_CHECKS))
            checker.look(points_max=_EVERYTHING, objects_max=_EVERYTHING)
    except HoldfastError as error:
        return [f"the store does not open: {type(error).__name__}: {error.message}"], 0
    logged = [f"the service logged: {log.getvalue()[:500]}"] if log.getvalue() else []
    return checker.wrong + logged, checker.objects


def crashed_again(state: CrashState, directory: Path) -> History:
    """What the disk did while the state was opened: a crash may come again before that is done."""
    state.materialise(directory)
    history = History(directory)
    vfs = CrashVfs(f"crash-{id(history)}", history)
    options = StoreOptions(directory, reserve_bytes=0)
    log = open_log("error", "json", io.StringIO())
    with closing(
        System(options, Metrics(), log, disk=CrashDisk(history), catalog_vfs=f"crash-{id(history)}")
    ) as system:
        system.upkeep.close()
        system.catalog.fold_log()
    vfs.unregister()
    return history


@dataclass(slots=True)
class _Run:
    """The states that were looked at, and what they came to."""

    budget: Budget
    report: Report
    counts: dict[str, int] = field(
        default_factory=lambda: {
            "histories": 0,
            "crash states": 0,
            "crashes while opening": 0,
            "events of the disk": 0,
            "objects read back": 0,
        }
    )
    losses: list[str] = field(default_factory=list)
    reported: float = field(default_factory=time.monotonic)

    def goes_on(self) -> bool:
        return not self.losses and self.budget.goes_on(self.counts["crash states"])

    def one_history(self, seed: int) -> None:
        home = self.budget.folder / f"history-{self.counts['histories']}"
        home.mkdir()
        story = Story(home / "store", random.Random(seed))
        story.play()
        self.counts["histories"] += 1
        self.counts["events of the disk"] += story.history.position
        for number, state in enumerate(crash_states(story.history, STATES_PER_HISTORY, seed)):
            self._look(state, story.journal.ledger_at(state.position), home, f"seed {seed}, ")
            if self.goes_on() and number % _AGAIN_EVERY == _AGAIN_EVERY - 1:
                self._crash_again(state, story, home, seed)
            if not self.goes_on():
                break
        if not self.losses:
            shutil.rmtree(home)

    def _crash_again(self, state: CrashState, story: Story, home: Path, seed: int) -> None:
        opening = crashed_again(state, home / "opened")
        for second in crash_states(opening, _STATES_OF_AN_OPENING, seed):
            where = f"seed {seed}, event {state.position}, {state.kept.value} kept, then while opening, "
            self._look(second, story.journal.ledger_at(state.position), home, where)
            self.counts["crashes while opening"] += 1
            if not self.goes_on():
                return
        shutil.rmtree(home / "opened")

    def _look(self, state: CrashState, ledger: Ledger, home: Path, where: str) -> None:
        wrong, objects = look(state, ledger, home / "state")
        self.counts["crash states"] += 1
        self.counts["objects read back"] += objects
        if wrong:
            place = f"{where}event {state.position}, {state.kept.value} kept, in {home / 'state'}"
            self.losses.append(f"{place}: {'; '.join(wrong)}"[:2000])
            return
        shutil.rmtree(home / "state")
        if time.monotonic() - self.reported > _REPORT_SECONDS:
            self.reported = time.monotonic()
            self.report(f"{self.counts['crash states']} crash states of {self.counts['histories']} histories")


def run(budget: Budget, report: Report) -> Figures:
    """Histories, and states of each, until the budget is used up or something is lost."""
    dice = random.Random(budget.seed)
    began = time.monotonic()
    states = _Run(budget, report)
    while states.goes_on():
        states.one_history(dice.getrandbits(48))
    return Figures(NAME, states.counts, tuple(states.losses), time.monotonic() - began)


def _api(system: System) -> Api:
    key = system.access_key
    return Api(InProcessTransport(system.gateway), Credentials(key.access_key_id, key.secret), attempts_max=1)
