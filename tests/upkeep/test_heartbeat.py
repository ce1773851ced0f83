"""Signs of life: a writer that gives none is ended, one that was only slow or paused is not or begins anew."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import pytest

from holdfast.catalog import writers
from holdfast.catalog.port import Catalog
from holdfast.catalog.transaction import Tx
from holdfast.catalog.writer import Writer
from holdfast.chunks.commit import GroupCommit
from holdfast.chunks.port import Location, SealedFrame
from holdfast.model.errors import HoldfastError, Unavailable, WriterEnded
from holdfast.model.purpose import Purpose
from holdfast.upkeep.heartbeat import Heartbeat
from tests.backends import Backend, Place

R = TypeVar("R")
NEVER = 10.0**6
"""Seconds after which its own thread would do something: tests do it."""
BEAT, SILENT = 3.0, 30.0


class Direct:
    """Writes that go straight to the catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.before: Callable[[Purpose], None] = lambda purpose: None

    def submit(
        self, frames: Sequence[SealedFrame], apply: Callable[[Tx, Sequence[Location]], R], purpose: Purpose
    ) -> R:
        self.before(purpose)
        [outcome] = self.catalog.run([lambda tx: apply(tx, ())], purpose)
        if outcome.error is not None:
            raise outcome.error
        return outcome.value  # type: ignore[return-value]


class Node:
    """One process of a store: its own catalog, its number, its sense of time."""

    def __init__(self, place: Place, held: ExitStack) -> None:
        self.now = 1000.0
        self.catalog = place.catalog()
        held.callback(self.catalog.close)
        self.writes = Direct(self.catalog)
        self.writer = Writer(self.catalog, 1, joins=True)
        self.heart = Heartbeat(
            self.catalog,
            self.writes,
            self.writer,
            beat_seconds=NEVER,
            silent_seconds=SILENT,
            monotonic=lambda: self.now,
        )
        held.callback(self.heart.close)
        self.heart._beat_seconds = BEAT

    def beat(self, after: float = BEAT) -> list[int]:
        self.now += after
        return self.heart.beat()

    def live(self) -> set[int]:
        with self.catalog.snapshot() as tx:
            return set(writers.live(tx))


Start = Callable[[], Node]


@pytest.fixture
def start(backend: Backend, tmp_path: Path) -> Iterator[Start]:
    place = backend.place(tmp_path / "store")
    with ExitStack() as held:
        yield lambda: Node(place, held)


def test_one_that_gives_no_sign_of_life_is_ended_after_its_time_and_not_before(start: Start) -> None:
    watching, silent = start(), start()
    ended = []
    while not ended:
        ended = watching.beat()
        assert watching.now < 1000 + SILENT + 2 * BEAT
    assert ended == [silent.writer.number]
    assert watching.now >= 1000 + SILENT
    assert watching.live() == {watching.writer.number}
    assert watching.beat() == []


def test_those_who_give_signs_of_life_go_on_for_ever(start: Start) -> None:
    nodes = [start() for _ in range(3)]
    for _ in range(40):
        for node in nodes:
            assert node.beat() == []
    # One sign within the time that others allow is enough.
    for _ in range(6):
        for _ in range(8):
            assert nodes[0].beat() == nodes[1].beat() == []
        nodes[2].beat(after=8 * BEAT)
    assert nodes[0].live() == {node.writer.number for node in nodes}


def test_an_ended_one_is_refused_once_and_begins_anew(start: Start) -> None:
    watching, paused = start(), start()
    while not watching.beat():
        pass
    old = paused.writer.number
    with pytest.raises(WriterEnded):
        paused.beat()
    assert paused.writer.begin_anew(2, old)
    assert paused.writer.number > old
    assert paused.beat() == []
    assert watching.live() == {watching.writer.number, paused.writer.number}
    # For all threads that were refused under the old number it is done once.
    number = paused.writer.number
    assert paused.writer.begin_anew(3, old)
    assert paused.writer.number == number


def test_a_gap_in_ones_own_looking_is_no_silence_of_others(start: Start) -> None:
    """This machine slept for an hour: whoever beat all the time did so unseen."""
    sleeper, other = start(), start()
    sleeper.beat()
    assert sleeper.beat(after=3600) == []
    other.beat()
    for _ in range(int(SILENT / BEAT) - 1):
        assert sleeper.beat() == []
    assert sleeper.live() == {sleeper.writer.number, other.writer.number}


def test_a_sign_of_life_in_the_last_moment_counts(start: Start) -> None:
    watching, late = start(), start()

    def just_in_time(purpose: Purpose) -> None:
        if purpose is Purpose.FREE:
            late.beat()

    watching.writes.before = just_in_time
    for _ in range(30):
        assert watching.beat() == []
    assert late.writer.number in watching.live()


def test_nobody_ends_itself_and_two_who_watch_the_same_one_end_it_once(start: Start) -> None:
    first, second, silent = start(), start(), start()
    ended = []
    for _ in range(20):
        ended += first.beat() + second.beat()
    assert ended == [silent.writer.number]


def test_a_database_that_is_away_is_nobodys_silence(start: Start) -> None:
    watching, other = start(), start()

    def away(purpose: Purpose) -> None:
        raise Unavailable("the database is away")

    for _ in range(5):
        watching.beat()
        other.beat()
    watching.writes.before = away
    for _ in range(20):
        with pytest.raises(Unavailable):
            watching.beat()
    watching.writes.before = lambda purpose: None
    # The other could not beat either; it is given all its time again.
    assert watching.beat() == []
    other.beat()
    assert watching.beat() == []


def test_one_that_left_is_gone_at_once(start: Start) -> None:
    staying, leaving = start(), start()
    leaving.writer.leave()
    assert staying.live() == {staying.writer.number}
    with pytest.raises(WriterEnded):
        leaving.beat()


def test_group_commit_begins_anew_and_its_callers_never_hear_of_it(start: Start) -> None:
    watching, paused = start(), start()
    begun: list[int] = []

    class NoFrames:
        def write_group(self, frames: Sequence[SealedFrame]) -> list[Location]:
            return []

        def last_step(self, locations: Sequence[Location]) -> None: ...

        def discard(self, locations: Sequence[Location]) -> None: ...

        def settle(self, locations: Sequence[Location]) -> None: ...

    def begin_anew() -> bool:
        begun.append(paused.writer.number)
        return paused.writer.begin_anew(5, begun[-1])

    commits: GroupCommit[Tx] = GroupCommit(NoFrames(), paused.catalog, begin_anew=begin_anew)
    while not watching.beat():
        pass
    try:
        assert commits.submit((), lambda tx, _: len(writers.live(tx)), Purpose.ADD) == 2
    finally:
        commits.close()
    assert len(begun) == 1


def test_its_own_thread_beats_and_survives_trouble(backend: Backend, tmp_path: Path) -> None:
    place = backend.place(tmp_path / "store")
    with ExitStack() as held:
        catalog = place.catalog()
        held.callback(catalog.close)
        writes = Direct(catalog)
        writer = Writer(catalog, 1, joins=True)
        troubles: list[HoldfastError] = []

        def sometimes(purpose: Purpose) -> None:
            if len(troubles) < 3:
                troubles.append(Unavailable("away"))
                raise troubles[-1]

        writes.before = sometimes
        heart = Heartbeat.of(catalog, writes, writer, silent_seconds=0.5)
        beats = 0
        while beats < 3:
            with catalog.snapshot() as tx:
                beats = writers.live(tx)[writer.number]
        heart.close()
        assert len(troubles) == 3
        with catalog.snapshot() as tx:
            stopped = writers.live(tx)
        assert stopped[writer.number] >= 3
