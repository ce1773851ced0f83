"""The next page of a list is fetched while the last one is used."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def prefetched(pages: Iterator[T]) -> Iterator[T]:
    """`pages`, each asked for while its predecessor is in the caller's hands. Errors keep their place in the order."""
    with ThreadPoolExecutor(1, thread_name_prefix="list") as thread:
        coming: Future[T | None] = thread.submit(next, pages, None)
        while (page := coming.result()) is not None:
            coming = thread.submit(next, pages, None)
            yield page
