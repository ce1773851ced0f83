"""A budget of bytes that requests share, first come first served: it bounds memory under any number of clients.

Whoever waits has not been read from, so that TCP tells its client to wait. First come first served without exception: a
large request at the head of the queue is not overtaken by small ones, or it would never get its turn.
Belongs to one event loop and is not thread-safe.
"""

import asyncio
from collections import deque

from holdfast.model.errors import Unavailable


class ByteBudget:
    """At most `bytes_max` bytes taken at any time; a single request may not ask for more than that."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.bytes_taken = 0
        self.holders = 0
        """Takers that have not given back; kept by `Room`."""
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, size: int) -> None:
        """Wait until `size` bytes are free and take them. Every `take` needs one `give`, whatever happens between."""
        if size > self.bytes_max:
            raise ValueError(f"{size} bytes can never fit into a budget of {self.bytes_max}")
        if not self._waiting and self.bytes_taken + size <= self.bytes_max:
            self.bytes_taken += size
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (size, turn)
        self._waiting.append(entry)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(size)  # the turn came together with the cancellation
            else:
                self._waiting.remove(entry)
                self._admit()
            raise

    def give(self, size: int) -> None:
        """Return `size` bytes of what was taken; may be part of it."""
        self.bytes_taken -= size
        assert self.bytes_taken >= 0, "more was given back than taken"
        self._admit()

    def _admit(self) -> None:
        while self._waiting:
            size, turn = self._waiting[0]
            if self.bytes_taken + size > self.bytes_max:
                return
            self._waiting.popleft()
            if not turn.cancelled():
                self.bytes_taken += size
                turn.set_result(None)


class Room:
    """What one request holds of a budget: entered at most once, left as often as one likes."""

    def __init__(self, budget: ByteBudget, seconds_max: float) -> None:
        self._budget = budget
        self._seconds_max = seconds_max
        self._size = 0

    async def enter(self, size: int) -> None:
        """Take `size` bytes. Raises Unavailable if they do not become free in time."""
        assert self._size == 0, "a room is entered once"
        try:
            async with asyncio.timeout(self._seconds_max):
                await self._budget.take(size)
        except TimeoutError as full:
            raise Unavailable(
                f"no room for {size} bytes became free in {self._seconds_max:g} seconds: try again or send less at once"
            ) from full
        self._size = size
        self._budget.holders += 1

    def shrink(self, size: int) -> None:
        """Give back all but `size` bytes; a size above what is held changes nothing."""
        if size < self._size:
            self._budget.give(self._size - size)
            if size == 0:
                self._budget.holders -= 1
            self._size = size

    def leave(self) -> None:
        """Give back what is still held."""
        self.shrink(0)
