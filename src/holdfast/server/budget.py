"""A budget of bytes that requests share: it bounds memory under any number of clients, and is shared fairly.

A request that waits has not been read from, so that TCP tells its client to wait. Invariants:

- who holds least is served next; among equals, who came first. So an address that holds much keeps no other one
  waiting, and among the requests of one address it is first come, first served;
- the one that is next is not overtaken by smaller ones, or a large request would never get its turn;
- who moves its bytes slowly keeps what it holds for as long as there is enough for all. Where others have waited for a
  while, the slowest of those below a rate is cut off.

Belongs to one event loop and is not thread-safe.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from holdfast.model.errors import Unavailable
from holdfast.model.limits import KIB


@dataclass(frozen=True, slots=True)
class Pressure:
    """When slow ones are cut off because others wait."""

    wait_seconds: float = 10
    """So long somebody waits before anything is done about it."""
    grace_seconds: float = 10
    """So long nothing is said about how fast a transfer is."""
    rate_min: int = 256 * KIB
    """Bytes per second above which a transfer is never cut off."""


@dataclass(frozen=True, slots=True, eq=False)
class Transfer:
    """Bytes on their way from or to a client, in memory that is held for them."""

    began: float
    """Time of the event loop."""
    moved: Callable[[], int]
    """How many bytes have arrived."""
    cut: Callable[[], None]
    """Ends it."""


def slowest(transfers: Iterable[Transfer], now: float, pressure: Pressure) -> Transfer | None:
    """The one to cut off, or None where all are new or quick enough."""
    rates = [
        (each.moved() / (now - each.began), each)
        for each in transfers
        if now - each.began >= max(pressure.grace_seconds, 0.001)
    ]
    rate, found = min(rates, key=lambda rated: rated[0], default=(0.0, None))
    return found if rate < pressure.rate_min else None


class ByteBudget:
    """At most `bytes_max` bytes taken at any time; a single request may not ask for more than that."""

    def __init__(self, bytes_max: int, pressure: Pressure | None = None) -> None:
        self.bytes_max = bytes_max
        self.bytes_taken = 0
        self.pressure = pressure or Pressure()
        self.transfers: set[Transfer] = set()
        """Those in memory of this budget; kept by `Room`."""
        self.holders = 0
        """Takers that have not given back; kept by `Room`."""
        self._held: Counter[str] = Counter()
        self._waiting: list[tuple[int, str, asyncio.Future[None]]] = []

    async def take(self, size: int, owner: str = "") -> None:
        """Wait until `size` bytes are free and take them. Every `take` needs one `give`, whatever happens between."""
        if size > self.bytes_max:
            raise ValueError(f"{size} bytes can never fit into a budget of {self.bytes_max}")
        if not self._waiting and self.bytes_taken + size <= self.bytes_max:
            self._grant(size, owner)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (size, owner, turn)
        self._waiting.append(entry)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(size, owner)  # the turn came together with the cancellation
            else:
                self._waiting.remove(entry)
                self._admit()
            raise

    def give(self, size: int, owner: str = "") -> None:
        """Return `size` bytes of what was taken; may be part of it."""
        self.bytes_taken -= size
        self._held[owner] -= size
        if self._held[owner] == 0:
            del self._held[owner]
        assert self.bytes_taken >= 0, "more was given back than taken"
        self._admit()

    def relieve(self, now: float) -> None:
        """Cut off the slowest transfer, if one is too slow while others wait."""
        found = slowest(self.transfers, now, self.pressure)
        if found is not None:
            self.transfers.discard(found)
            found.cut()

    def _grant(self, size: int, owner: str) -> None:
        self.bytes_taken += size
        self._held[owner] += size

    def _admit(self) -> None:
        while self._waiting:
            at = min(range(len(self._waiting)), key=lambda place: self._held[self._waiting[place][1]])
            size, owner, turn = self._waiting[at]
            if self.bytes_taken + size > self.bytes_max:
                return
            del self._waiting[at]
            if not turn.cancelled():
                self._grant(size, owner)
                turn.set_result(None)


class Room:
    """What one request holds of a budget: entered at most once, left as often as one likes."""

    def __init__(self, budget: ByteBudget, seconds_max: float, owner: str = "") -> None:
        self._budget = budget
        self._seconds_max = seconds_max
        self.owner = owner
        self._size = 0
        self._transfer: Transfer | None = None

    async def enter(self, size: int) -> None:
        """Take `size` bytes. Raises Unavailable if they do not become free in time."""
        assert self._size == 0, "a room is entered once"
        loop, wait_seconds = asyncio.get_running_loop(), self._budget.pressure.wait_seconds
        self._timer = loop.call_later(wait_seconds, self._press, loop, min(1.0, wait_seconds))
        try:
            async with asyncio.timeout(self._seconds_max):
                await self._budget.take(size, self.owner)
        except TimeoutError as full:
            raise Unavailable(
                f"no room for {size} bytes became free in {self._seconds_max:g} seconds: try again or send less at once"
            ) from full
        finally:
            self._timer.cancel()
        self._size = size
        self._budget.holders += 1

    def moving(self, moved: Callable[[], int], cut: Callable[[], None]) -> None:
        """The bytes are on their way from now on; `cut` may be called where others need the room."""
        if self._size:
            self._settled()
            self._transfer = Transfer(asyncio.get_running_loop().time(), moved, cut)
            self._budget.transfers.add(self._transfer)

    def moved(self) -> None:
        """They have arrived: how long they are held now is not their client's doing."""
        self._settled()

    def shrink(self, size: int) -> None:
        """Give back all but `size` bytes; a size above what is held changes nothing."""
        if size < self._size:
            given, self._size = self._size - size, size
            if size == 0:
                self._budget.holders -= 1
            self._budget.give(given, self.owner)

    def leave(self) -> None:
        """Give back what is still held."""
        self._settled()
        self.shrink(0)

    def _press(self, loop: asyncio.AbstractEventLoop, again_seconds: float) -> None:
        """Waiting has taken long: one that is slow has to give way, then another, until there is room."""
        self._budget.relieve(loop.time())
        self._timer = loop.call_later(again_seconds, self._press, loop, again_seconds)

    def _settled(self) -> None:
        if self._transfer is not None:
            self._budget.transfers.discard(self._transfer)
            self._transfer = None
