"""Worker threads with a short queue: whoever hands out work waits when it is full, and learns of a failure at once.

The first error that a task raises stops everything: tasks not yet begun are dropped and the error is raised again in
the thread that hands out work. So an error of the service can never pass for anything else.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Condition
from types import TracebackType
from typing import Self


class Crew:
    """`threads` workers; at most `threads + waiting` tasks are handed out and unfinished at any time.

    Used as a context manager: leaving it after an exception drops what has not begun and waits for what has.
    """

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._places = threads + waiting
        self._unfinished = 0
        self._changed = Condition()
        self._failure: BaseException | None = None

    def submit(self, task: Callable[[], object]) -> None:
        """Hand out `task`, waiting for a place. Raises the first failure of any earlier task."""
        with self._changed:
            while self._unfinished >= self._places and self._failure is None:
                self._changed.wait()
            self._raise_failure()
            self._unfinished += 1
        self._pool.submit(task).add_done_callback(self._finished)

    def drain(self) -> None:
        """Wait until every task handed out is done. Raises the first failure."""
        with self._changed:
            while self._unfinished and self._failure is None:
                self._changed.wait()
            self._raise_failure()

    def fail(self, error: BaseException) -> None:
        """Refuse all further work with `error`, unless something failed before."""
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()

    def _finished(self, future: "Future[object]") -> None:
        failure = None if future.cancelled() else future.exception()
        with self._changed:
            self._unfinished -= 1
            if self._failure is None:
                self._failure = failure
            self._changed.notify_all()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


class ByteBudget:
    """Bounds the bytes held in memory by everybody together. A single request larger than the budget gets all of it."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._free = bytes_max
        self._changed = Condition()

    def take(self, size: int) -> int:
        """Wait for `size` bytes to be free and take them; the number to give back is returned."""
        size = min(size, self._bytes_max)
        with self._changed:
            while self._free < size:
                self._changed.wait()
            self._free -= size
        return size

    def give(self, size: int) -> None:
        """Give back what `take` returned."""
        with self._changed:
            self._free += size
            self._changed.notify_all()
