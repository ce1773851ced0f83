"""Collecting garbage from end to end: the stages, and the order in which one caller works them off.

Rows of objects that nobody sees are swept, their chunks condemned; condemned chunks without references are deleted;
packs are measured; empty ones are removed; what lives in mostly dead ones is copied, which empties them. Each stage
finds its own work in the catalog, so that any of them may run at any time, alone, twice, or not at all.
"""

import contextlib
import threading
from dataclasses import dataclass, field

from holdfast.model.errors import NotFound, UnusableKey
from holdfast.upkeep.collector import Collector
from holdfast.upkeep.compactor import Compactor
from holdfast.upkeep.doom import Doom
from holdfast.upkeep.fenced import FencedWrites
from holdfast.upkeep.free_pages import FreePages
from holdfast.upkeep.gain import Gain
from holdfast.upkeep.survey import Survey
from holdfast.upkeep.sweeping import Sweeping
from holdfast.upkeep.worker import InTurn, Worker


@dataclass(frozen=True, slots=True)
class Collection:
    """The stages of one store."""

    doom: Doom
    survey: Survey
    collector: Collector
    sweeping: Sweeping
    recording: Worker
    """Drops the records of vaults that hold nothing more."""
    compactor: Compactor
    free_pages: FreePages | None
    """None where the catalog is no file."""
    writes: FencedWrites
    """What all of them write through."""
    _turn: threading.Lock = field(default_factory=threading.Lock)
    """One step at a time: who finds nothing left to do may say so, for nobody else is halfway through something."""

    def workers(self) -> tuple[Worker, ...]:
        """For whoever works in the background: one worker's trouble keeps none of the others from its work."""
        workers: list[Worker] = [*self._before_copying(), self.recording, self.compactor]
        workers += [self.free_pages] if self.free_pages else []
        return tuple(InTurn(worker, self._turn) for worker in workers)

    def insist(self) -> None:
        """The next step takes the chore from whichever process has it."""
        with self._turn:
            self.writes.insist()

    def advance(self, now_us: int, threshold: int) -> Gain | None:
        """One step of the first stage that has work; None if none has. Raises what the stage raises.

        The last stages come first: what can be given back at once is, before more is taken on, and nothing is copied
        while something could go without.
        """
        with self._turn:
            return self._advance(now_us, threshold)

    def _advance(self, now_us: int, threshold: int) -> Gain | None:
        for stage in self._before_copying():
            gain = stage.step(now_us)
            if gain is not None:
                return gain
        # A record that is still owed waits for the keys of its vault; others need not wait with it.
        with contextlib.suppress(UnusableKey, NotFound):
            if self.recording.step(now_us):
                return Gain()
        return self.compactor.compact(threshold) or (self.free_pages.step(now_us) if self.free_pages else None)

    def _before_copying(self) -> tuple[Doom, Survey, Collector, Sweeping]:
        return (self.doom, self.survey, self.collector, self.sweeping)
