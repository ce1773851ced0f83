"""Does the same with many blobs, several at a time, within a bound of memory."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from holdfast.model.limits import KIB, MIB

THREADS_DEFAULT = 8
BYTES_MAX = 192 * MIB
"""Of blobs that are in memory at a time; a larger one travels alone."""

_BYTES_MIN = 64 * KIB
"""What the smallest blob counts for, so that what is begun is bounded in number too."""

T = TypeVar("T")


def each(
    items: Iterable[T],
    work: Callable[[T], None],
    weight: Callable[[T], int],
    *,
    threads: int = THREADS_DEFAULT,
    bytes_max: int = BYTES_MAX,
) -> None:
    """Calls `work` for each item; `weight` is how many bytes it will hold in memory.

    The first error ends it: nothing new is begun, what is under way is waited for, and the error is raised.
    """
    room = _Room(bytes_max)
    errors: list[BaseException] = []
    pool = ThreadPoolExecutor(threads, thread_name_prefix="moving")
    try:
        for item in items:
            held = min(max(weight(item), _BYTES_MIN), bytes_max)
            room.take(held)
            if errors:
                break
            pool.submit(work, item).add_done_callback(_given_back(room, held, errors))
        pool.shutdown(cancel_futures=bool(errors))
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
    if errors:
        raise errors[0]


class _Room:
    """So many bytes; who wants more than are left waits."""

    def __init__(self, bytes_max: int) -> None:
        self._left = bytes_max
        self._changed = threading.Condition()

    def take(self, count: int) -> None:
        with self._changed:
            while self._left < count:
                self._changed.wait()
            self._left -= count

    def give(self, count: int) -> None:
        with self._changed:
            self._left += count
            self._changed.notify_all()


def _given_back(room: _Room, held: int, errors: list[BaseException]) -> Callable[[Future[None]], None]:
    def done(future: Future[None]) -> None:
        error = None if future.cancelled() else future.exception()
        if error is not None:
            errors.append(error)
        room.give(held)

    return done
