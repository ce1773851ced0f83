"""Writes of a chore that one process does at a time: each transaction makes sure that this is still the one.

What is always true here: a transaction of the chore is done only if no other process has taken the chore since this one
took it, and, where the chore removes something, only while no hold stands (catalog.chores, catalog.holds). A process
that was paused beyond its time and resumes is refused, whatever it had read before.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from holdfast.catalog import chores, holds
from holdfast.catalog.transaction import Tx
from holdfast.chunks.port import Location, SealedFrame
from holdfast.model.clock import Clock
from holdfast.model.errors import ChoreTaken
from holdfast.model.purpose import Purpose
from holdfast.upkeep.worker import Reader, Worker, Writes

R = TypeVar("R")

COLLECTOR = "collector"
"""The chore of everything that removes or moves what is stored."""
CHECKER = "checker"
"""The chore of reading everything again and again, and of adding parity."""
EXPIRY = "expiry"
"""The chore of ending jobs, and of telling the packs what is still to be told."""

_TTL_US = 300 * 1_000_000


class Numbered(Protocol):
    """This process as a writer (catalog.writer.Writer); the number may change."""

    @property
    def number(self) -> int: ...


@dataclass(frozen=True, slots=True)
class _Held:
    token: int
    until_us: int


class FencedWrites:
    """Fulfils `Writes` for one chore; takes it with the first transaction. All of it may be done on a full disk."""

    def __init__(self, writes: Writes, clock: Clock, chore: str, writer: Numbered, *, heeds_holds: bool = True) -> None:
        self._writes = writes
        self._clock = clock
        self._chore = chore
        self._writer = writer
        self._heeds_holds = heeds_holds
        # Changed by steps alone, which one thread runs one after the other, and dropped wherever one of them fails.
        self._held: _Held | None = None
        self._insists = False

    def submit(
        self,
        frames: Sequence[SealedFrame],
        apply: Callable[[Tx, Sequence[Location]], R],
        purpose: Purpose = Purpose.FREE,
    ) -> R:
        """As `Writes`. Raises ChoreTaken if another process has the chore, InvalidState while a hold stands."""

        def step(tx: Tx, locations: Sequence[Location]) -> tuple[R, _Held]:
            if self._heeds_holds:
                holds.require_none(tx)
            held = self._keep(tx)
            return apply(tx, locations), held

        try:
            value, self._held = self._writes.submit(frames, step, purpose)
        except BaseException:
            # Perhaps the taking was undone with the rest. Taken anew, it costs one row.
            self._held = None
            raise
        self._insists = False
        return value

    def insist(self) -> None:
        """The next transaction takes the chore from whoever has it: somebody waits for what is done now."""
        self._held = None
        self._insists = True

    def is_elsewhere(self, tx: Tx) -> bool:
        """Whether another process is at the chore, so that this one may as well rest."""
        return chores.is_elsewhere(tx, self._chore, self._writer.number, self._clock.now_us(), _TTL_US)

    def _keep(self, tx: Tx) -> _Held:
        now_us = self._clock.now_us()
        held = self._held
        if held is None:
            token = chores.take(tx, self._chore, self._writer.number, now_us, _TTL_US, insist=self._insists)
            if token is None:
                raise ChoreTaken(f"another process is at the chore {self._chore!r}: it goes on there")
        elif not _TTL_US // 2 <= held.until_us - now_us <= _TTL_US:
            token = held.token
            chores.renew(tx, self._chore, token, now_us, _TTL_US)
        else:
            chores.require(tx, self._chore, held.token)
            return held
        return _Held(token, now_us + _TTL_US)


@dataclass(frozen=True, slots=True)
class OneOfMany:
    """A worker of a store that several processes have open: it rests while another one is at its chore."""

    worker: Worker
    writes: FencedWrites
    catalog: Reader

    def step(self, now_us: int) -> object:
        with self.catalog.snapshot() as tx:
            if self.writes.is_elsewhere(tx):
                return None
        try:
            return self.worker.step(now_us)
        except ChoreTaken:
            # Of two that looked at the same time one was quicker.
            return None
