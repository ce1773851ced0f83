"""Signs of life of the writers that share a store, and the end of one that gives none.

Each writer counts upwards every few seconds. Whoever sees another's count stand still, look after look, for half a
minute of its own time, ends it: what it had begun is then looked after by others. No clock is compared with another
one, and a gap in one's own looking (a machine that slept, a database that was away) begins the time anew. To be wrong
about it costs nothing but a new number: a writer that was only paused is refused once and begins again.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from holdfast.catalog import writers
from holdfast.model.errors import HoldfastError
from holdfast.model.purpose import Purpose
from holdfast.upkeep.fenced import Numbered
from holdfast.upkeep.worker import Reader, Writes

BEAT_SECONDS_DEFAULT = 3.0
SILENT_SECONDS_DEFAULT = 30.0


@dataclass(slots=True)
class _Seen:
    beats: int
    since: float


class Heartbeat:
    """Starts its thread when made; `close` ends it."""

    def __init__(
        self,
        catalog: Reader,
        writes: Writes,
        writer: Numbered,
        *,
        beat_seconds: float = BEAT_SECONDS_DEFAULT,
        silent_seconds: float = SILENT_SECONDS_DEFAULT,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._catalog = catalog
        self._writes = writes
        self._writer = writer
        self._beat_seconds = beat_seconds
        self._silent_seconds = silent_seconds
        self._monotonic = monotonic
        self._seen: dict[int, _Seen] = {}
        self._looked: float | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    @classmethod
    def of(cls, catalog: Reader, writes: Writes, writer: Numbered, *, silent_seconds: float) -> "Heartbeat":
        """One whose signs of life come ten times within the silence that others allow."""
        return cls(catalog, writes, writer, beat_seconds=silent_seconds / 10, silent_seconds=silent_seconds)

    def close(self) -> None:
        """Returns when the thread has ended."""
        self._stop.set()
        self._thread.join()

    def beat(self) -> list[int]:
        """One sign of life and one look at the others; the numbers of those that were ended. Raises Unavailable."""
        self._writes.submit((), lambda tx, _: writers.beat(tx, self._writer.number), Purpose.READ)
        with self._catalog.snapshot() as tx:
            live = writers.live(tx)
        silent = self._silent(live, self._monotonic())
        return [number for number in silent if self._end(number, live[number])]

    def _run(self) -> None:
        while not self._stop.wait(self._beat_seconds):
            # The database may be away; then nobody is called dead for it.
            with suppress(HoldfastError):
                self.beat()

    def _silent(self, live: dict[int, int], now: float) -> list[int]:
        if self._looked is None or now - self._looked > 3 * self._beat_seconds:
            self._seen.clear()
        self._looked = now
        self._seen = {
            number: seen if (seen := self._seen.get(number)) is not None and seen.beats == beats else _Seen(beats, now)
            for number, beats in live.items()
        }
        own = self._writer.number
        return [n for n, seen in self._seen.items() if n != own and now - seen.since >= self._silent_seconds]

    def _end(self, number: int, beats: int) -> bool:
        return self._writes.submit((), lambda tx, _: writers.end(tx, number, beats), Purpose.FREE)
