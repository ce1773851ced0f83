"""Ranges of blobs, read through blocks that are held in memory, fetched once for all who want them, and fetched ahead.

What is always true here: a block is only ever what one fetch returned; a failed fetch leaves nothing behind; what was
forgotten while it was under way is not held when it arrives. Memory for blocks, held and under way, never exceeds
`bytes_max`; the answers in the readers' hands come on top.
"""

import copy
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from holdfast.blobs.block_flight import Flight, Wanted
from holdfast.blobs.cached_blocks import BLOCK_CHARGE_BYTES, Blocks, Key
from holdfast.blobs.read_ahead import ReadAhead
from holdfast.model.errors import HoldfastError
from holdfast.model.limits import KIB, MIB

BLOCK_BYTES = 128 * KIB
LARGE_READ_BYTES = 1 * MIB

_BLOCK_ROOM = BLOCK_BYTES + BLOCK_CHARGE_BYTES
_WINDOW_FIRST_BLOCKS = 4
_WINDOW_MAX_BLOCKS = 32
_WINDOW_SHARE = 8  # read-ahead of one reader takes no more than this part of the memory


@dataclass(frozen=True, slots=True)
class _Plan:
    mine: list[Flight]
    theirs: list[Flight]


class BlockReads:
    """Reads blobs that never change and are visible only when they are whole. Safe for many threads."""

    def __init__(self, fetch: Callable[[str, int, int], bytes], bytes_max: int) -> None:
        """`fetch` reads a range of a blob; it returns fewer bytes than asked for only where the blob ends."""
        self._fetch = fetch
        self._lock = threading.Lock()
        self._blocks = Blocks(bytes_max)
        window_max = min(_WINDOW_MAX_BLOCKS, bytes_max // _WINDOW_SHARE // BLOCK_BYTES)
        self._ahead = ReadAhead(_WINDOW_FIRST_BLOCKS, window_max)
        self._flights: dict[Key, Flight] = {}
        self.hits = 0
        """Reads that fetched nothing."""
        self.misses = 0
        """Reads that fetched blocks."""
        self.passed = 0
        """Reads that went by the blocks: they are large, and read once, or there was no room."""
        self.bytes_fetched = 0
        """In blocks."""

    @property
    def bytes_held(self) -> int:
        """Memory for blocks, with what is set aside for those under way."""
        with self._lock:
            return self._blocks.bytes_held + self._blocks.bytes_reserved

    def read(self, name: str, offset: int, length: int) -> bytes:
        """The bytes from `offset`, at least one asked for; fewer than `length` only where the blob ends."""
        wanted = Wanted(name, offset, length, BLOCK_BYTES)
        with self._lock:
            plan = self._plan(wanted)
            self.passed += plan is None
            self.misses += plan is not None and bool(plan.mine)
            self.hits += plan is not None and not plan.mine
        while plan is not None:
            self._carry_out(wanted, plan)
            if not wanted.missing():
                return wanted.joined()
            # Somebody who fetched for us was stopped before he had it.
            with self._lock:
                plan = self._plan(wanted)
        return self._fetch(name, offset, length)

    def forget(self, name: str, numbers: Iterable[int] | None = None) -> None:
        """Hold these blocks of a blob no longer, nor when they arrive; without numbers none of it."""
        chosen = None if numbers is None else frozenset(numbers)
        with self._lock:
            self._blocks.forget(name, chosen)
            for flight in {one for one in self._flights.values() if one.name == name}:
                if chosen is None or not chosen.isdisjoint(flight.numbers):
                    flight.is_stale = True
                    for key in flight.keys:
                        del self._flights[key]
            if chosen is None:
                self._ahead.forget(name)

    def clear(self) -> None:
        """Give back the memory of what is held."""
        with self._lock:
            self._blocks.clear()

    def _plan(self, wanted: Wanted) -> _Plan | None:
        """Take what is held; what to fetch, and whom to wait for, for the rest. None: go by. Needs the lock."""
        missing: list[int] = []
        theirs: list[Flight] = []
        for number in wanted.missing():
            key = (wanted.name, number)
            if (block := self._blocks.get(key)) is not None:
                wanted.add(number, block)
            elif (flight := self._flights.get(key)) is None:
                missing.append(number)
            elif flight not in theirs:
                theirs.append(flight)
        missing = [number for number in missing if number <= wanted.last]
        ahead = self._ahead.after(wanted.name, wanted.first, wanted.last, fetching=bool(missing))
        if wanted.length >= LARGE_READ_BYTES and (missing or theirs):
            return None
        mine = self._send_for(wanted, missing, ahead)
        return None if mine is None else _Plan(mine, theirs)

    def _send_for(self, wanted: Wanted, missing: list[int], ahead: int) -> list[Flight] | None:
        """Flights for the missing blocks, and for so many behind the last of them; None where there is no room."""
        extra: list[int] = []
        if missing and missing[-1] == wanted.last:
            for number in range(wanted.last + 1, wanted.last + 1 + ahead):
                if (wanted.name, number) in self._blocks or (wanted.name, number) in self._flights:
                    break
                extra.append(number)
        if not self._blocks.reserve((len(missing) + len(extra)) * _BLOCK_ROOM):
            extra = []
            if not self._blocks.reserve(len(missing) * _BLOCK_ROOM):
                return None
        flights = [Flight(wanted.name, numbers, BLOCK_BYTES) for numbers in _runs(missing + extra)]
        for flight in flights:
            self._flights.update(dict.fromkeys(flight.keys, flight))
        return flights

    def _carry_out(self, wanted: Wanted, plan: _Plan) -> None:
        """Fetch what is ours to fetch, then wait for the others: in this order, so that no two wait for one another."""
        try:
            for flight in plan.mine:
                self._fly(flight)
                wanted.take(flight)
        finally:
            for flight in plan.mine:
                if not flight.landed.is_set():
                    self._land(flight)
        for flight in plan.theirs:
            flight.landed.wait()
            if flight.error is not None:
                # It was asked for a moment ago, with all patience.
                raise copy.copy(flight.error)
            wanted.take(flight)

    def _fly(self, flight: Flight) -> None:
        start, stop = flight.numbers.start * BLOCK_BYTES, flight.numbers.stop * BLOCK_BYTES
        try:
            flight.data = self._fetch(flight.name, start, stop - start)
        except HoldfastError as error:
            flight.error = error
            raise
        self._land(flight)

    def _land(self, flight: Flight) -> None:
        """Hold what it brought, if anything, and wake who waits for it."""
        try:
            with self._lock:
                self._blocks.release(len(flight.numbers) * _BLOCK_ROOM)
                if not flight.is_stale:
                    for key in flight.keys:
                        del self._flights[key]
                if flight.data is not None:
                    self.bytes_fetched += len(flight.data)
                    for key in () if flight.is_stale else flight.keys:
                        if block := flight.block(key[1]):
                            self._blocks.put(key, block)
        finally:
            flight.landed.set()


def _runs(numbers: list[int]) -> list[range]:
    """Ascending numbers as ranges of neighbours."""
    runs: list[range] = []
    for number in numbers:
        if runs and runs[-1].stop == number:
            runs[-1] = range(runs[-1].start, number + 1)
        else:
            runs.append(range(number, number + 1))
    return runs
