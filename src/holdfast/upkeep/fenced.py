"""Writes of a chore that one process does at a time: each transaction makes sure that this is still the one.

What is always true here: a transaction of the chore is done only if no other process has taken the chore since this one
took it, and only while no hold stands (catalog.chores, catalog.holds). A process that was paused beyond its time and
resumes is refused, whatever it had read before.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from holdfast.catalog import chores, holds
from holdfast.catalog.transaction import Tx
from holdfast.chunks.port import Location, SealedFrame
from holdfast.model.clock import Clock
from holdfast.model.errors import Unavailable
from holdfast.upkeep.worker import Writes

R = TypeVar("R")

COLLECTOR = "collector"
"""The chore of everything that removes or moves what is stored."""

_TTL_US = 300 * 1_000_000


class FencedWrites:
    """Fulfils `Writes` for one chore; takes it with the first transaction. All of it may be done on a full disk."""

    def __init__(self, writes: Writes, clock: Clock, chore: str, writer_no: int) -> None:
        self._writes = writes
        self._clock = clock
        self._chore = chore
        self._writer_no = writer_no
        # Changed by steps alone, which one thread runs one after the other, and dropped wherever one of them fails.
        self._token: int | None = None
        self._until_us = 0

    def submit(
        self,
        frames: Sequence[SealedFrame],
        apply: Callable[[Tx, Sequence[Location]], R],
        urgent: bool = True,
    ) -> R:
        """As `Writes`. Raises Unavailable if another process has the chore, InvalidState while a hold stands."""

        def step(tx: Tx, locations: Sequence[Location]) -> R:
            holds.require_none(tx)
            self._keep(tx)
            return apply(tx, locations)

        try:
            return self._writes.submit(frames, step, urgent)
        except BaseException:
            # Perhaps the taking was undone with the rest. Taken anew, it costs one row.
            self._token = None
            raise

    def _keep(self, tx: Tx) -> None:
        now_us = self._clock.now_us()
        if self._token is None:
            self._token = chores.take(tx, self._chore, self._writer_no, now_us, _TTL_US)
            if self._token is None:
                raise Unavailable(f"another process is at the chore {self._chore!r}: it goes on there")
        elif not _TTL_US // 2 <= self._until_us - now_us <= _TTL_US:
            chores.renew(tx, self._chore, self._token, now_us, _TTL_US)
        else:
            chores.require(tx, self._chore, self._token)
            return
        self._until_us = now_us + _TTL_US
