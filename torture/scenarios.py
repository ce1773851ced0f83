"""What a store is in the middle of when a system call of it is refused: small, and the same each time."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torture.actor import Actor
from torture.content import Content, Piece
from torture.hand import Hand, vault_of
from torture.journal import LedgerJournal
from torture.service import Service

SOURCE = "default/tree"
NEXT_SOURCE = "default/next"
Step = Callable[["Stage"], object]


@dataclass(slots=True)
class Stage:
    """An open store and the means to act on it."""

    service: Service
    hand: Hand
    journal: LedgerJournal

    def job(self) -> str:
        """The running job of the source."""
        found = self.journal.ledger.running(SOURCE)
        assert found is not None
        return found.uid

    def newest(self) -> str:
        """The newest point that may be there."""
        points = [point for point in self.journal.ledger.points.values() if point.there is not False]
        return max(points, key=lambda point: point.order).arn


@dataclass(frozen=True, slots=True)
class Scenario:
    """How the store is made ready, and the steps during which calls fail; each may be tried again after a failure."""

    name: str
    before: Sequence[Step]
    steps: Sequence[Step]


def points(stage: Stage) -> None:
    """Three recovery points, each replacing, adding and removing something."""
    dice = random.Random(7)
    for number in range(3):
        job = stage.hand.start(SOURCE, f"point-{number}")
        actor = Actor(stage.hand, stage.journal, SOURCE, "p", dice, number)
        for _ in range(6):
            actor.touch(stage.journal.ledger.jobs[job])
        stage.hand.commit(job)


def begin(stage: Stage) -> None:
    """A running job."""
    stage.hand.start(SOURCE, "begin")


def put(stage: Stage) -> None:
    """An object of one chunk in one request."""
    stage.hand.put(stage.job(), "new/put", Content(((0, Piece(101, 5000)),), "put"))


def put_batch(stage: Stage) -> None:
    """Three objects in one request, one with a blob."""
    batch = {f"new/batch-{number}": Content(((0, Piece(110 + number, 900)),), "batch") for number in range(3)}
    batch["new/batch-1"] = Content(((0, Piece(111, 900)),), "batch", Piece(120, 300))
    stage.hand.put_all(stage.job(), batch)


def upload(stage: Stage) -> None:
    """An object of three chunks, one of them known already."""
    pieces = {0: Piece(130, 40_000), 1: Piece(101, 5000), 5: Piece(131, 70_000)}
    opened = stage.hand.open(stage.job(), "new/upload")
    for index, piece in pieces.items():
        stage.hand.send(stage.job(), opened, index, piece)
    stage.hand.complete(stage.job(), opened, "new/upload", Content(tuple(pieces.items()), "upload", Piece(132, 80)))


def remove(stage: Stage) -> None:
    """An inherited object, taken out of the view; one that is gone already stays so."""
    inherited = sorted(name for name in stage.journal.ledger.jobs[stage.job()].view.objects if name.startswith("p/"))
    if inherited:
        stage.hand.remove(stage.job(), inherited[0])


def commit(stage: Stage) -> None:
    """The running job becomes a recovery point."""
    running = stage.journal.ledger.running(SOURCE)
    if running is not None:
        stage.hand.commit(running.uid)


def delete(stage: Stage) -> None:
    """The two older recovery points are deleted."""
    for point in stage.journal.ledger.kept(SOURCE)[:-1]:
        stage.hand.delete(vault_of(SOURCE), point.arn)


def collect(stage: Stage) -> None:
    """Everything that can be given back is."""
    for _ in stage.service.api.collect_all_garbage(compact_threshold=100, seconds=5):
        pass


def compact(stage: Stage) -> None:
    """Every pack with anything dead in it is rewritten."""
    for _ in stage.service.api.collect_all_garbage(compact_threshold=1, seconds=5):
        pass


def rotate(stage: Stage) -> None:
    """The vault has a new frame key; compaction copies everything under it."""
    stage.service.api.rotate_vault_key(vault_of(SOURCE))


SCENARIOS = (
    Scenario("a backup", [points], [begin, put, put_batch, upload, remove]),
    Scenario("a commit", [points, begin, put, put_batch, upload, remove], [commit]),
    Scenario("a deletion and gc", [points, begin, put, commit], [delete, collect]),
    Scenario("a compaction", [points, begin, put_batch, upload, commit, delete, collect], [compact]),
    Scenario("a rotation and compaction", [points], [rotate, compact]),
)
