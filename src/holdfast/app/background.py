"""Chores that nobody asks for but must happen: small steps, called again and again in one thread.

A worker does one small step and says whether it found something to do. A worker that fails is logged and called again
in the next round; the others do not notice.
"""

import threading
from collections.abc import Callable, Mapping

from holdfast.observe.logs import Logger

Worker = Callable[[], bool]
PAUSE_SECONDS = 5.0
STEPS_MAX = 200
"""Steps of one worker in a round, so that one with much to do does not keep the others waiting."""


class Background:
    """Starts its thread when made; `close` ends it after the step under way."""

    def __init__(self, workers: Mapping[str, Worker], log: Logger, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._workers = dict(workers)
        self._log = log.bind(part="background")
        self._pause_seconds = pause_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="background", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; returns when the step under way is done."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._pause_seconds):
            for name, worker in self._workers.items():
                self._work(name, worker)

    def _work(self, name: str, worker: Worker) -> None:
        try:
            for _ in range(STEPS_MAX):
                if self._stop.is_set() or not worker():
                    return
        except Exception as error:  # noqa: BLE001 - one chore that breaks must not end the others
            self._log.error("chore failed", chore=name, exc_info=error)
