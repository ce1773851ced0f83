"""Many blobs at a time: all of them, within a bound of memory, and none after the first failure."""

import threading
import time

import pytest

from holdfast.app.moving_crew import each


def test_each_item_is_worked_on_once() -> None:
    seen: list[int] = []
    each(range(500), seen.append, lambda _: 0, threads=4)
    assert sorted(seen) == list(range(500))


def test_no_more_bytes_are_held_than_are_allowed_and_what_is_larger_goes_alone() -> None:
    lock, held, most = threading.Lock(), 0, 0
    mib = 1 << 20

    def work(size: int) -> None:
        nonlocal held, most
        with lock:
            held += size
            most = max(most, held)
        time.sleep(0.002)
        with lock:
            held -= size

    each([mib, 2 * mib, 3 * mib, mib] * 20, work, lambda size: size, threads=8, bytes_max=4 * mib)
    assert 3 * mib <= most <= 4 * mib
    most = 0
    each([9 * mib, mib, 9 * mib], work, lambda size: size, threads=8, bytes_max=4 * mib)
    assert most == 9 * mib


def test_the_first_failure_ends_it_and_is_told() -> None:
    seen: list[int] = []

    def work(number: int) -> None:
        seen.append(number)
        if number == 3:
            raise ValueError("three")
        time.sleep(0.001)

    with pytest.raises(ValueError, match="three"):
        each(range(100_000), work, lambda _: 1 << 20, threads=2, bytes_max=8 << 20)
    assert len(seen) < 1000


def test_where_the_items_themselves_fail_what_is_under_way_is_waited_for() -> None:
    done: list[int] = []

    def items():
        yield 1
        raise OSError("no more of them")

    def work(number: int) -> None:
        time.sleep(0.05)
        done.append(number)

    with pytest.raises(OSError, match="no more"):
        each(items(), work, lambda _: 1, threads=2)
    assert done == [1]
