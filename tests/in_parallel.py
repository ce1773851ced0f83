"""The same work in several threads at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def in_parallel(work: Callable[[int], object], count: int) -> None:
    """`work` in `count` threads, each with its number; waits for all, then raises the first error of any of them."""
    with ThreadPoolExecutor(count) as threads:
        for future in [threads.submit(work, number) for number in range(count)]:
            future.result()
