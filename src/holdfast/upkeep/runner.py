"""Runs the workers in one thread: step by step, resting in proportion to the work, stopping between two steps."""

import threading
import time
from collections.abc import Callable, Sequence

from holdfast.model.clock import Clock
from holdfast.upkeep.worker import Worker

_REST_PER_WORK = 1.0
"""As long as a step took, the writer belongs to others before the next one."""

IDLE_SECONDS_DEFAULT = 10.0
TROUBLE_SECONDS_DEFAULT = 60.0


class Runner:
    """Starts its thread when made; `close` ends it after the step that it is in.

    A worker in trouble (disk full, catalog in use, a defect of ours) is told to `report` and tried again after a while;
    it never keeps the others from their work.
    """

    def __init__(
        self,
        workers: Sequence[Worker] | Callable[[], Sequence[Worker]],
        clock: Clock,
        report: Callable[[Worker, Exception], None],
        *,
        idle_seconds: float = IDLE_SECONDS_DEFAULT,
        trouble_seconds: float = TROUBLE_SECONDS_DEFAULT,
        begin_seconds: float = 0.0,
    ) -> None:
        """`workers`, or what gives them, is asked for by the thread, after `begin_seconds`."""
        self._workers = workers
        self._begin_seconds = begin_seconds
        self._clock = clock
        self._report = report
        self._idle_seconds = idle_seconds
        self._trouble_seconds = trouble_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Returns when the thread has ended."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        if self._stop.wait(self._begin_seconds):
            return
        workers = self._workers() if callable(self._workers) else self._workers
        blocked_until = dict.fromkeys(range(len(workers)), 0.0)
        while not self._stop.is_set():
            began = time.monotonic()
            busy = False
            for place, worker in enumerate(workers):
                if self._stop.is_set():
                    return
                if blocked_until[place] > time.monotonic():
                    continue
                try:
                    busy = bool(worker.step(self._clock.now_us())) or busy
                except Exception as trouble:  # noqa: BLE001 - one worker's defect must not end all upkeep unseen
                    self._report(worker, trouble)
                    blocked_until[place] = time.monotonic() + self._trouble_seconds
            worked = time.monotonic() - began
            self._stop.wait(worked * _REST_PER_WORK if busy else self._idle_seconds)
