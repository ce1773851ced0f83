"""The same work in several threads at once, and moments in it that no machine's speed decides."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def in_parallel(work: Callable[[int], object], count: int) -> None:
    """`work` in `count` threads, each with its number; waits for all, then raises the first error of any of them."""
    with ThreadPoolExecutor(count) as threads:
        for future in [threads.submit(work, number) for number in range(count)]:
            future.result()


def wait_until(condition: Callable[[], bool], otherwise: str, seconds: float = 120) -> None:
    """Returns when `condition` holds; AssertionError with `otherwise` after a time in which any machine is there."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, otherwise
        time.sleep(0.005)


class Countdown:
    """Does something once, when `count` has been called so many times."""

    def __init__(self, left: int, then: Callable[[], object]) -> None:
        self._left = left
        self._then = then
        self._lock = threading.Lock()

    def count(self) -> None:
        with self._lock:
            self._left -= 1
            is_over = self._left == 0
        if is_over:
            self._then()
