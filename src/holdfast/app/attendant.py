"""What a worker does besides serving, because it is one of several: a thread that comes by every second.

It tells the supervisor under which number this process writes, ends writers whose processes have died, lets go of
files that another worker has removed, and notes this worker's gauges where the others can read them. In a directory,
where whoever has the lock says who writes, a worker whose own writer was ended ends itself: it is started again if it
still belongs to anybody.
"""

import threading
from collections.abc import Callable

from holdfast.app.build import System
from holdfast.app.worker_channel import Writing
from holdfast.app.worker_tie import Tie
from holdfast.catalog import writers
from holdfast.catalog.transaction import Tx
from holdfast.model.errors import HoldfastError
from holdfast.model.purpose import Purpose
from holdfast.observe.logs import Logger
from holdfast.observe.metrics import Metrics

_TICK_SECONDS = 1.0
_TICKS_BETWEEN_REMOVED = 15


class Attendant:
    """Starts its thread when made; `close` ends it."""

    def __init__(self, tie: Tie, system: System, metrics: Metrics, log: Logger) -> None:
        self._tie = tie
        self._system = system
        self._metrics = metrics
        self._log = log
        self._told: int | None = None
        self._ticks = 0
        self._stop = threading.Event()
        self._tell_number()
        self._thread = threading.Thread(target=self._run, name="attendant", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Returns when the thread has ended."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        chores: tuple[Callable[[], None], ...] = (
            self._tell_number,
            self._require_own_writer,
            self._end_writers,
            self._let_go_of_removed,
            self._metrics.sample,
        )
        while not self._stop.wait(_TICK_SECONDS):
            self._ticks += 1
            for chore in chores:
                try:
                    chore()
                except HoldfastError as trouble:
                    # Others notice a dead writer by its silence, and everything else comes again.
                    self._log.warning("a worker's chore failed", reason=trouble.message)

    def _tell_number(self) -> None:
        number = self._system.writer.number
        if number != self._told:
            self._tie.send(Writing(number))
            self._told = number

    def _require_own_writer(self) -> None:
        if self._system.catalog.parallel:
            # It has gone on under another number.
            return
        with self._system.catalog.snapshot() as tx:
            lives = self._system.writer.number in writers.live(tx)
        if not lives:
            self._tie.give_up("it was taken for dead, and what it had begun is looked after by others")

    def _end_writers(self) -> None:
        buried = self._tie.buried()
        if not buried:
            return

        def end(tx: Tx, _: object) -> None:
            for writer_no in buried:
                writers.end(tx, writer_no)

        self._system.commits.submit((), end, Purpose.BEGIN)

    def _let_go_of_removed(self) -> None:
        local = self._system.places.local
        if local is not None and self._ticks % _TICKS_BETWEEN_REMOVED == 0:
            local.let_go_of_removed()
