"""A chore of a store that several processes have open: one is at it, the others rest; one takes over when it goes."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from holdfast.catalog import holds
from holdfast.catalog.writer import Writer
from holdfast.model.errors import ChoreTaken, InvalidState
from holdfast.model.purpose import Purpose
from holdfast.upkeep.fenced import COLLECTOR, FencedWrites, OneOfMany
from tests.backends import Backend, Place
from tests.dataplane.rig import ManualClock
from tests.upkeep.test_heartbeat import Direct

TTL_US = 300 * 1_000_000


class Work:
    """A worker that writes at each step, and counts what it got done."""

    def __init__(self, writes: FencedWrites) -> None:
        self.writes = writes
        self.done = 0
        self.before_write: Callable[[], None] = lambda: None

    def step(self, now_us: int) -> bool:
        self.before_write()
        self.writes.submit((), lambda tx, _: tx.all("SELECT 1"))
        self.done += 1
        return True


class Node:
    def __init__(self, place: Place, clock: ManualClock, held: ExitStack) -> None:
        self.catalog = place.catalog()
        held.callback(self.catalog.close)
        self.writer = Writer(self.catalog, 1, joins=True)
        self.direct = Direct(self.catalog)
        self.writes = FencedWrites(self.direct, clock, COLLECTOR, self.writer)
        self.work = Work(self.writes)
        self.worker = OneOfMany(self.work, self.writes, self.catalog)

    def step(self) -> object:
        return self.worker.step(1)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def nodes(backend: Backend, tmp_path: Path, clock: ManualClock) -> Iterator[list[Node]]:
    place = backend.place(tmp_path / "store")
    with ExitStack() as held:
        yield [Node(place, clock, held) for _ in range(3)]


def test_whoever_comes_first_works_and_the_others_rest(nodes: list[Node]) -> None:
    for _ in range(5):
        assert [node.step() for node in nodes] == [True, None, None]
    assert [node.work.done for node in nodes] == [5, 0, 0]


def test_when_it_leaves_another_takes_over_at_once(nodes: list[Node]) -> None:
    nodes[0].step()
    nodes[0].writer.leave()
    assert [node.step() for node in nodes[1:]] == [True, None]


def test_when_it_is_silent_beyond_its_time_another_takes_over_and_it_is_refused(
    nodes: list[Node], clock: ManualClock
) -> None:
    first, second, _ = nodes
    first.step()
    clock.us += TTL_US + 1
    assert second.step() is True
    # The first one had read the world as it was; what it would write now is dropped.
    first.work.before_write = lambda: None
    assert first.step() is None
    with pytest.raises(ChoreTaken):
        first.writes.submit((), lambda tx, _: tx.run("UPDATE vaults SET revision = 99"))
    assert first.work.done == 1


def test_whoever_works_on_keeps_the_chore_for_ever(nodes: list[Node], clock: ManualClock) -> None:
    for _ in range(20):
        clock.us += TTL_US // 3
        assert [node.step() for node in nodes] == [True, None, None]


def test_of_two_who_looked_at_the_same_moment_one_works_and_neither_fails(nodes: list[Node]) -> None:
    first, second, _ = nodes
    second.work.before_write = lambda: first.step() and None
    assert second.step() is None
    assert (first.work.done, second.work.done) == (1, 0)


def test_one_that_is_asked_insists_and_the_other_rests_from_then_on(nodes: list[Node]) -> None:
    first, second, _ = nodes
    first.step()
    second.writes.insist()
    second.writes.submit((), lambda tx, _: None)
    assert [node.step() for node in (first, second)] == [None, True]
    # To insist was for once.
    first.writes.insist()
    first.writes.submit((), lambda tx, _: None)
    assert [node.step() for node in (first, second)] == [True, None]


def test_a_hold_stops_whoever_has_the_chore(nodes: list[Node]) -> None:
    nodes[0].step()
    nodes[1].direct.submit((), lambda tx, _: holds.place(tx, "look first", 5), Purpose.FREE)
    with pytest.raises(InvalidState, match="look first"):
        nodes[0].step()
    assert nodes[1].step() is None


def test_a_transaction_that_failed_makes_nobody_believe_that_it_has_the_chore(nodes: list[Node]) -> None:
    first, second, _ = nodes

    def fails(tx: object, _: object) -> None:
        raise InvalidState("a step of its own")

    with pytest.raises(InvalidState):
        first.writes.submit((), fails)
    assert second.step() is True
    assert first.step() is None
