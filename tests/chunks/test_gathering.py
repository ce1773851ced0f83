"""Who is taken together: one purpose, in the order of arrival, up to the maxima; and who waits for whom."""

import threading
import time
from collections.abc import Callable, Sequence

import pytest

from holdfast.chunks.commit_options import CommitOptions
from holdfast.chunks.gathering import Gathering, Ticket
from holdfast.chunks.port import SealedFrame
from holdfast.model.purpose import Purpose

ADD, READ, CHANGE, FREE = Purpose.ADD, Purpose.READ, Purpose.CHANGE, Purpose.FREE
LONG = 30.0
"""A window that would fail the test by its time if anybody waited for its end."""


def ticket(purpose: Purpose = ADD, frame_bytes: int = 0) -> Ticket:
    frames = [SealedFrame(b"v" * 16, b"c" * 32, 0, (bytes(frame_bytes),))] if frame_bytes else []
    return Ticket(frames, lambda tx, locations: None, purpose)


def added(gathering: Gathering, tickets: Sequence[Ticket]) -> Sequence[Ticket]:
    assert all(gathering.add(one) for one in tickets)
    return tickets


class Lane(threading.Thread):
    """Takes groups until there are none."""

    def __init__(self, gathering: Gathering) -> None:
        super().__init__(daemon=True)
        self.gathering = gathering
        self.groups: list[list[Ticket]] = []
        self.start()

    def run(self) -> None:
        while group := self.gathering.take():
            self.groups.append(group)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_a_group_has_one_purpose_and_keeps_the_order_of_arrival() -> None:
    gathering = Gathering(CommitOptions())
    purposes = [ADD, CHANGE, ADD, READ, CHANGE, ADD]
    tickets = added(gathering, [ticket(purpose) for purpose in purposes])
    groups = [gathering.take() for _ in range(3)]
    assert groups == [[tickets[0], tickets[2], tickets[5]], [tickets[1], tickets[4]], [tickets[3]]]


def test_whoever_has_waited_longest_is_in_the_next_group_whatever_comes_meanwhile() -> None:
    gathering = Gathering(CommitOptions())
    [change] = added(gathering, [ticket(CHANGE)])
    added(gathering, [ticket(ADD) for _ in range(5)])
    assert gathering.take() == [change]
    [change] = added(gathering, [ticket(CHANGE)])
    assert len(gathering.take()) == 5
    assert gathering.take() == [change]


def test_a_group_ends_with_the_caller_that_reaches_the_maximum() -> None:
    gathering = Gathering(CommitOptions(group_callers_max=3))
    tickets = list(added(gathering, [ticket() for _ in range(7)]))
    assert [gathering.take() for _ in range(3)] == [tickets[:3], tickets[3:6], tickets[6:]]


def test_a_group_ends_with_the_frame_that_reaches_the_maximum() -> None:
    gathering = Gathering(CommitOptions(group_bytes_max=100))
    tickets = list(added(gathering, [ticket(frame_bytes=size) for size in (60, 30, 500, 10, 100, 1)]))
    assert [gathering.take() for _ in range(3)] == [tickets[:3], tickets[3:5], tickets[5:]]


def test_what_is_larger_than_a_group_may_be_is_a_group_of_its_own() -> None:
    gathering = Gathering(CommitOptions(group_bytes_max=100))
    large, small = added(gathering, [ticket(frame_bytes=5000), ticket(frame_bytes=1)])
    assert [gathering.take(), gathering.take()] == [[large], [small]]


@pytest.mark.timeout(20)
def test_one_who_comes_alone_never_waits() -> None:
    gathering = Gathering(CommitOptions(window_seconds=LONG))
    for _ in range(3):
        [alone] = added(gathering, [ticket()])
        assert gathering.take() == [alone]


@pytest.mark.timeout(20)
def test_after_a_group_with_company_the_next_one_waits_and_takes_who_comes_in_time() -> None:
    gathering = Gathering(CommitOptions(window_seconds=LONG, group_callers_max=3))
    added(gathering, [ticket(), ticket()])
    lane = Lane(gathering)
    # A pair comes: nothing was before it, so it does not wait.
    until(lambda: len(lane.groups) == 1)
    first = list(added(gathering, [ticket()]))
    time.sleep(0.05)
    assert len(lane.groups) == 1
    [other] = added(gathering, [ticket(CHANGE)])
    first += added(gathering, [ticket(), ticket()])
    until(lambda: len(lane.groups) == 2)
    assert lane.groups[1] == first
    gathering.close()
    lane.join(120)
    assert lane.groups[2] == [other]


@pytest.mark.timeout(20)
def test_a_window_ends_by_itself_and_then_whoever_comes_alone_does_not_wait() -> None:
    gathering = Gathering(CommitOptions(window_seconds=0.2))
    added(gathering, [ticket(), ticket()])
    assert len(gathering.take()) == 2
    added(gathering, [ticket()])
    began = time.monotonic()
    assert len(gathering.take()) == 1
    assert time.monotonic() - began >= 0.2
    added(gathering, [ticket()])
    began = time.monotonic()
    assert len(gathering.take()) == 1
    assert time.monotonic() - began < 0.15


@pytest.mark.timeout(60)
def test_no_lane_sleeps_while_somebody_waits_for_another_purpose() -> None:
    gathering = Gathering(CommitOptions(group_callers_max=2, window_seconds=0.001))
    lanes = [Lane(gathering) for _ in range(4)]
    sent: list[Ticket] = []

    def call(purpose: Purpose) -> None:
        for _ in range(200):
            one = ticket(purpose)
            sent.append(one)
            assert gathering.add(one)

    callers = [threading.Thread(target=call, args=[purpose]) for purpose in (ADD, READ, CHANGE, FREE, ADD)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    # Without a word from anybody else: whoever was added is taken.
    until(lambda: sum(len(group) for lane in lanes for group in lane.groups) == len(sent))
    gathering.close()
    for lane in lanes:
        lane.join(120)
        assert not lane.is_alive()
    taken = [one for lane in lanes for group in lane.groups for one in group]
    assert {id(one) for one in taken} == {id(one) for one in sent}
    for lane in lanes:
        for group in lane.groups:
            assert len({one.purpose for one in group}) == 1
            assert len(group) <= 2


@pytest.mark.timeout(20)
def test_after_close_those_who_wait_are_taken_and_nobody_else_is_added() -> None:
    gathering = Gathering(CommitOptions(window_seconds=LONG))
    added(gathering, [ticket(), ticket()])
    gathering.take()
    [waiting] = added(gathering, [ticket()])
    gathering.close()
    assert not gathering.add(ticket())
    # Not even for company is anything waited for any more.
    assert gathering.take() == [waiting]
    assert gathering.take() == []
    assert gathering.take() == []


@pytest.mark.timeout(20)
def test_close_wakes_every_lane() -> None:
    gathering = Gathering(CommitOptions())
    lanes = [Lane(gathering) for _ in range(5)]
    gathering.close()
    for lane in lanes:
        lane.join(120)
        assert not lane.is_alive()
