"""The checker notices what it is there to notice: each kind of loss, made on purpose, is told."""

import io
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.model.errors import InvalidInput
from torture.check import Checker
from torture.content import Content, Piece
from torture.hand import Hand
from torture.journal import LedgerJournal
from torture.ledger import Ledger
from torture.lines import Acked, Begun, Commit, Delete, Line, Refused, SeenJob, Set, Start
from torture.service import Service, opened

SOURCE = "default/home"
SMALL = Content(((0, Piece(1, 3000)),), "small")
LARGE = Content(((0, Piece(2, 9000)), (7, Piece(3, 70))), "large", Piece(4, 50))


class Memory:
    """A journal that keeps its lines, so that a test can apply others."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def write(self, line: Line) -> None:
        self.lines.append(line)


class Rig:
    """A store with one recovery point and a running job, and the lines that led there."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.memory = Memory()
        ledger = Ledger()
        journal = LedgerJournal(ledger)
        hand = Hand(service.api, self)
        self._into = journal
        job = hand.start(SOURCE, "one")
        hand.put(job, "a", SMALL)
        upload = hand.open(job, "b")
        for index, piece in LARGE.chunks:
            hand.send(job, upload, index, piece)
        hand.complete(job, upload, "b", LARGE)
        self.point = hand.commit(job)
        self.job = hand.start(SOURCE, "two")
        hand.put(self.job, "c", SMALL)
        hand.remove(self.job, "a")
        self.hand = hand

    def write(self, line: Line) -> None:
        self.memory.write(line)
        self._into.write(line)

    def wrong(self, lines: list[Line]) -> list[str]:
        """What a checker finds that believes these lines."""
        journal = LedgerJournal(Ledger(lines))
        checker = Checker(self.service.api, journal.ledger, journal, random.Random(1))
        checker.look(points_max=10, objects_max=10)
        return checker.wrong


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with opened(tmp_path / "store", io.StringIO()) as service:
        yield Rig(service)


def test_nothing_is_wrong_with_a_store_that_holds_what_it_acknowledged(rig: Rig) -> None:
    assert rig.wrong(rig.memory.lines) == []


def test_an_object_that_was_never_put_is_missed(rig: Rig) -> None:
    more = [Begun(99, Set(rig.job, {"d": SMALL})), Acked(99)]
    assert any("'d' is missing" in wrong for wrong in rig.wrong([*rig.memory.lines, *more]))


def test_an_object_that_holds_something_else_is_told(rig: Rig) -> None:
    other = Content(((0, Piece(1, 3000)),), "another note")
    more = [Begun(99, Set(rig.job, {"c": other})), Acked(99)]
    assert any("'c' is not what it was" in wrong for wrong in rig.wrong([*rig.memory.lines, *more]))


def test_an_object_that_came_back_is_told(rig: Rig) -> None:
    more = [Begun(99, Set(rig.job, {"c": None})), Acked(99)]
    assert any("'c' is not what" in wrong for wrong in rig.wrong([*rig.memory.lines, *more]))


def test_a_lost_recovery_point_is_told(rig: Rig) -> None:
    rig.service.api.delete_recovery_point("default", rig.point)
    assert any("was acknowledged and is gone" in wrong for wrong in rig.wrong(rig.memory.lines))


def test_a_deleted_recovery_point_that_is_back_is_told(rig: Rig) -> None:
    more = [Begun(99, Delete(rig.point)), Acked(99)]
    assert any("was deleted and is back" in wrong for wrong in rig.wrong([*rig.memory.lines, *more]))


def test_a_job_in_a_state_that_nobody_asked_for_is_told(rig: Rig) -> None:
    rig.service.api.stop_backup_job(rig.job)
    assert any("is ABORTED, it may be ['RUNNING']" in wrong for wrong in rig.wrong(rig.memory.lines))


def test_a_lost_job_is_told(rig: Rig) -> None:
    more = [Begun(99, Start(SOURCE, "three")), Acked(99, "no-such-job", rig.point)]
    assert any("no-such-job" in wrong for wrong in rig.wrong([*rig.memory.lines, *more]))


def test_a_job_on_a_base_that_is_not_the_newest_kept_point_is_told(rig: Rig) -> None:
    more = [Begun(99, Start(SOURCE, "three")), Acked(99, rig.job + "x", None)]
    assert any("without a base" in wrong for wrong in Ledger([*rig.memory.lines, *more]).wrong)


def test_a_frame_whose_bytes_are_gone_is_told(rig: Rig, tmp_path: Path) -> None:
    for pack in (tmp_path / "store" / "blobs" / "packs").rglob("*/*"):
        pack.write_bytes(bytes(pack.stat().st_size))
    assert any(rig.point in wrong and "Damaged" in wrong for wrong in rig.wrong(rig.memory.lines))


def test_what_was_never_answered_may_be_there_or_not_and_a_look_decides_it(rig: Rig) -> None:
    doubt = [Begun(99, Set(rig.job, {"c": None})), Begun(100, Set(rig.job, {"d": SMALL}))]
    ledger = Ledger([*rig.memory.lines, *doubt])
    view = ledger.jobs[rig.job].view
    assert view.possible("c") == {SMALL, None} and view.possible("d") == {SMALL, None}
    journal = LedgerJournal(ledger)
    checker = Checker(rig.service.api, ledger, journal, random.Random(1))
    checker.look(points_max=1, objects_max=1)
    assert checker.wrong == []
    assert view.possible("c") == {SMALL} and view.possible("d") == {None}


def test_what_was_refused_did_not_happen_and_what_failed_may_have(rig: Rig) -> None:
    begun = Begun(99, Set(rig.job, {"c": None}))
    refused = Ledger([*rig.memory.lines, begun, Refused(99, surely_not=True)])
    assert refused.jobs[rig.job].view.possible("c") == {SMALL}
    failed = Ledger([*rig.memory.lines, begun, Refused(99, surely_not=False)])
    assert failed.jobs[rig.job].view.possible("c") == {SMALL, None}


def test_a_job_that_was_seen_running_takes_objects_unless_a_commit_was_begun(rig: Rig) -> None:
    assert Ledger([*rig.memory.lines, SeenJob(rig.job, "RUNNING")]).jobs[rig.job].takes_objects()
    begun = [Begun(99, Commit(rig.job)), SeenJob(rig.job, "RUNNING")]
    assert not Ledger([*rig.memory.lines, *begun]).jobs[rig.job].takes_objects()


def test_the_hand_notes_what_was_refused(rig: Rig) -> None:
    rig.hand.stop(rig.job)
    with pytest.raises(InvalidInput):
        rig.hand.put(rig.job, "late", SMALL)
    assert isinstance(rig.memory.lines[-1], Refused) and rig.memory.lines[-1].surely_not
    assert rig.wrong(rig.memory.lines) == []
