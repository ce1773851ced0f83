"""The processes of one attempt at a scenario: who makes the store ready, who meets the fault, who looks afterwards."""

import io
import os
import random
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from holdfast.model.errors import CallerError, Damaged, HoldfastError, Internal, ServiceError
from torture.care import verify
from torture.check import Checker
from torture.content import Content, Piece
from torture.faults import BEGIN, END
from torture.hand import Hand
from torture.journal import LedgerJournal
from torture.ledger import Ledger
from torture.lines import Line
from torture.scenarios import NEXT_SOURCE, Scenario, Stage, collect
from torture.service import Service, opened
from torture.tracer import filter_own_calls, mark

_EVERYTHING = 1_000_000


@dataclass(frozen=True, slots=True)
class Attempt:
    """Where one attempt happens, and what is attempted."""

    home: Path
    scenario: Scenario

    @property
    def store(self) -> Path:
        """The store's directory."""
        return self.home / "store"

    @property
    def records(self) -> Path:
        """Outside the store."""
        return self.home / "records"

    @property
    def journal(self) -> Path:
        """What was asked and answered in this attempt."""
        return self.records / "journal"

    @property
    def findings(self) -> Path:
        """What must not be."""
        return self.records / "findings"

    def tell(self, found: Sequence[str]) -> None:
        """Write findings down."""
        if found:
            with self.findings.open("a") as file:
                file.writelines(f"{one}\n" for one in found)


def prepare(attempt: Attempt) -> None:
    """Make the scenario's store from nothing."""
    with _telling(attempt), opened(attempt.store, io.StringIO()) as service:
        stage = _stage(attempt, service, Ledger(), 1)
        for step in attempt.scenario.before:
            step(stage)
        attempt.tell(_look(stage, stage.journal))


def under_fault(attempt: Attempt, ledger: Ledger, go: int) -> None:
    """The scenario, traced: whatever its calls meet, only errors of our side come out, and the service works on.

    The process ends without closing anything, as a process that is killed does.
    """
    with _telling(attempt):
        os.read(go, 1)
        filter_own_calls()
        log = io.StringIO()
        with opened(attempt.store, log) as service:
            service.system.upkeep.close()
            stage = _stage(attempt, service, ledger, 1_000_000)
            mark(BEGIN)
            failures = _attempt(attempt, stage)
            mark(END)
            attempt.tell(_look(stage, _Discard()))
            attempt.tell(_works_on(stage, failures))
            if log.getvalue():
                attempt.tell([f"the service logged: {log.getvalue()}"])
            os._exit(0)


def try_again(attempt: Attempt, ledger: Ledger) -> None:
    """A fresh process: all is there; the scenario done again succeeds, and so does collecting; all is there still."""
    with _telling(attempt):
        log = io.StringIO()
        with opened(attempt.store, log) as service:
            stage = _stage(attempt, service, ledger, 2_000_000)
            checker = Checker(service.api, ledger, stage.journal, random.Random(1))
            checker.settle(stage.hand)
            checker.look(points_max=_EVERYTHING, objects_max=_EVERYTHING)
            attempt.tell(checker.wrong)
            if checker.wrong:
                return
            for step in attempt.scenario.steps:
                step(stage)
            collect(stage)
            attempt.tell(_look(stage, stage.journal))
            attempt.tell(verify(service))
            if log.getvalue():
                attempt.tell([f"the service logged: {log.getvalue()}"])


def _stage(attempt: Attempt, service: Service, ledger: Ledger, first_number: int) -> Stage:
    journal = LedgerJournal(ledger, attempt.journal)
    return Stage(service, Hand(service.api, journal, first_number), journal)


def _attempt(attempt: Attempt, stage: Stage) -> list[HoldfastError]:
    """Every step, on and on; what the failed ones were told."""
    failures: list[HoldfastError] = []
    for step in attempt.scenario.steps:
        try:
            step(stage)
        except (Internal, Damaged) as defect:
            attempt.tell([f"{step.__name__} was answered as a defect, not as trouble: {defect!r}"])
        except ServiceError as trouble:
            failures.append(trouble)
        except (CallerError, AssertionError) as refused:
            # Only as the consequence of a step that failed before.
            if not failures:
                attempt.tell([f"{step.__name__} was refused: {refused!r}"])
    return failures


def _works_on(stage: Stage, failures: list[HoldfastError]) -> list[str]:
    """The fault is over: the same process backs up again, without a restart."""
    try:
        job = stage.hand.start(NEXT_SOURCE, "works on")
        stage.hand.put(job, "after", Content(((0, Piece(140, 3000)),), "after"))
        stage.hand.commit(job)
    except HoldfastError as refused:
        return [f"after {failures} the service did not work on: {refused!r}"]
    return []


def _look(stage: Stage, journal: "LedgerJournal | _Discard") -> list[str]:
    checker = Checker(stage.service.api, stage.journal.ledger, journal, random.Random(2))
    checker.look(points_max=1, objects_max=2)
    return checker.wrong


class _Discard:
    """A look before the process ends decides nothing: what failed may yet turn out to have happened."""

    def write(self, line: Line) -> None:
        """Nothing."""


@contextmanager
def _telling(attempt: Attempt) -> Iterator[None]:
    """Whatever else comes out is a finding."""
    try:
        yield
    except BaseException:  # noqa: BLE001 - this is the last of the process, and its parent wants to know
        attempt.tell([traceback.format_exc()])
