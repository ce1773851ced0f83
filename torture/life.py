"""One life of a store under attack: opened by a process that was just forked, checked, kept busy until it is killed.

The process writes its journal outside the store, says when it has opened and checked, and leaves findings in a file. It
ends by itself only with a finding, or (`last`) after a check of everything.
"""

import faulthandler
import os
import random
import signal
import sys
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from holdfast.app.rebuild import rebuild
from torture.check import Checker
from torture.crew import VAULTS, Crew
from torture.ground import Ground
from torture.hand import Hand
from torture.journal import LedgerJournal
from torture.ledger import Ledger
from torture.lines import Rebuilding, Rebuilt
from torture.service import Service, opened, options
from torture.tether import die_with_parent

NUMBERS_PER_LIFE = 1_000_000
READY = b"r"
REBUILDING = b"b"
DONE = b"d"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a store under attack and the records of it are."""

    store: Ground
    records: Path
    """A directory outside the store."""

    @property
    def journal(self) -> Path:
        """The lines of every life."""
        return self.records / "journal"

    @property
    def log(self) -> Path:
        """What the service logged at level error."""
        return self.records / "log"

    @property
    def findings(self) -> Path:
        """What must not be: empty or missing where all is well."""
        return self.records / "findings"


@dataclass(frozen=True, slots=True)
class Plan:
    """What one life is to do."""

    number: int
    seed: int
    points_max: int = 1
    """Older points whose names are checked again at the beginning."""
    objects_max: int = 2
    """Older objects of each view whose bytes are checked again at the beginning."""
    rebuild: bool = False
    """First of all make the catalog anew."""
    last: bool = False
    """Only check, then end."""


def fork(place: Place, ledger: Ledger, plan: Plan) -> tuple[int, int]:
    """Begins a life in a child process: its pid, and a descriptor that says READY once the store is open and checked.

    The caller must be a process of one thread. `ledger` is what the lives before have left; the child has its own copy.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    code = 2
    try:
        os.close(reading)
        die_with_parent()
        code = _live(place, ledger, plan, writing)
    except BaseException:  # noqa: BLE001 - the child of a fork must never return into its parent's code
        _note(place, [traceback.format_exc()])
    finally:
        os._exit(code)


def _live(place: Place, ledger: Ledger, plan: Plan, ready: int) -> int:
    with place.findings.open("ab", buffering=0) as findings, place.log.open("a", buffering=1) as log:
        faulthandler.enable(findings)
        faulthandler.register(signal.SIGUSR1, findings)
        place.store.hang_up()
        dice = random.Random(plan.seed)
        journal = LedgerJournal(ledger, place.journal)
        if plan.rebuild or ledger.rebuilding:
            wrong = _rebuild(place, journal, plan, dice, log, ready)
            if wrong:
                _note(place, wrong)
                return 1
        with opened(place.store, log) as service:
            hand = Hand(service.api, journal, plan.number * NUMBERS_PER_LIFE)
            wrong = _check(service, hand, journal, plan, dice)
            if wrong:
                _note(place, wrong)
                return 1
            os.write(ready, READY)
            if plan.last:
                os.write(ready, DONE)
                return 0
            crew = Crew(service, hand, journal, dice, plan.number)
            crew.start()
            crew.wait()
            crew.stop()
            _note(place, crew.findings)
            return 1


def _rebuild(
    place: Place, journal: LedgerJournal, plan: Plan, dice: random.Random, log: IO[str], ready: int
) -> list[str]:
    """Look at everything, lose the catalog or say that it is not to be trusted, and make it anew from the packs."""
    ledger = journal.ledger
    if not ledger.rebuilding:
        with opened(place.store, log) as service:
            hand = Hand(service.api, journal, plan.number * NUMBERS_PER_LIFE + NUMBERS_PER_LIFE // 2)
            wrong = _check(service, hand, journal, plan, dice)
            if wrong or not ledger.points:
                return wrong
            if place.store.is_shared:
                # A deletion that was never answered is told to the packs by whoever has that chore; who was killed
                # keeps it for longer than a life, and a rebuild would bring the point back.
                service.api.collect_garbage(seconds=5)
        journal.write(Rebuilding())
        if dice.random() < 0.5:
            place.store.lose_catalog()
    os.write(ready, REBUILDING)
    report = rebuild(options(place.store), replace=True)
    journal.write(Rebuilt())
    place.store.forget_replaced()
    if report.is_whole:
        return []
    return [f"a rebuild lost something: {report.lost} {report.missing} {report.holds} {report.notes}"]


def _check(service: Service, hand: Hand, journal: LedgerJournal, plan: Plan, dice: random.Random) -> list[str]:
    checker = Checker(service.api, journal.ledger, journal, dice)
    checker.settle(hand)
    checker.look(points_max=plan.points_max, objects_max=plan.objects_max)
    for vault in VAULTS:
        if not checker.wrong and vault not in journal.ledger.vaults:
            hand.make_vault(vault)
    return checker.wrong


def _note(place: Place, findings: list[str]) -> None:
    with suppress(OSError), place.findings.open("a") as file:
        file.writelines(f"{finding}\n" for finding in findings)
    print("\n".join(findings), file=sys.stderr, flush=True)
