"""Whether the database and the bucket answer, asked in the background for a page that must not wait.

Each is asked by a thread of its own, since an ask may take as long as its patience; the page looks at what is known.

Invariants: what was never asked is taken to answer. Silence counts only once it has lasted longer than a request is
held for, so that a short outage sends no client away. After a silence two answers in a row are needed, so that what
comes and goes is not believed at its first word. Being busy is not silence: asking needs no connection of requests.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from holdfast.model.errors import HoldfastError
from holdfast.observe.logs import Logger

ASK_SECONDS = 3.0
"""Between an answer and the next ask."""
SILENT_SECONDS_MAX = 20.0
"""As long as a request is held while the database or the bucket is away."""
_ANSWERS_AFTER_SILENCE = 2
_JOIN_SECONDS_MAX = 1.0


@dataclass(slots=True)
class Standing:
    """What is known of one place; `heard` and `failed` are called by one thread, `is_silent` by any."""

    name: str
    answered_at: float
    silent_seconds_max: float = SILENT_SECONDS_MAX
    _in_a_row: int = _ANSWERS_AFTER_SILENCE

    def heard(self, began: float, now: float) -> None:
        """It answered, to a question of `began`."""
        if began - self.answered_at > self.silent_seconds_max:
            self._in_a_row = 0
        self._in_a_row = min(self._in_a_row + 1, _ANSWERS_AFTER_SILENCE)
        self.answered_at = now

    def failed(self) -> None:
        """It gave no answer, or one of trouble."""
        if self._in_a_row < _ANSWERS_AFTER_SILENCE:
            self._in_a_row = 0

    def is_silent(self, now: float) -> bool:
        """Whether it is not to be relied upon at `now`."""
        return now - self.answered_at > self.silent_seconds_max or self._in_a_row < _ANSWERS_AFTER_SILENCE


class Reachability:
    """Asks each of `asks`, by the name that readers are told, until it is closed."""

    def __init__(
        self,
        asks: Mapping[str, Callable[[], None]],
        log: Logger,
        *,
        ask_seconds: float = ASK_SECONDS,
        silent_seconds_max: float = SILENT_SECONDS_MAX,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """An ask returns if the place answers, and raises one of our errors if not."""
        self._log = log.bind(part="reachability")
        self._monotonic = monotonic
        self._ask_seconds = ask_seconds
        self._stop = threading.Event()
        self._standings = [Standing(name, monotonic(), silent_seconds_max) for name in asks]
        self._threads = [
            threading.Thread(target=self._watch, args=(standing, ask), name=f"ask {standing.name}", daemon=True)
            for standing, ask in zip(self._standings, asks.values(), strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def trouble(self) -> str | None:
        """What does not answer, for readers who may be strangers; None if all is well. Never waits."""
        now = self._monotonic()
        silent = [standing.name for standing in self._standings if standing.is_silent(now)]
        return f"{' and '.join(silent)} out of reach" if silent else None

    def close(self) -> None:
        """Ask no more. An ask under way is left to its own patience."""
        self._stop.set()
        for thread in self._threads:
            thread.join(_JOIN_SECONDS_MAX)

    def _watch(self, standing: Standing, ask: Callable[[], None]) -> None:
        said = False
        while not self._stop.is_set():
            said = self.ask(standing, ask, said)
            self._stop.wait(self._ask_seconds)

    def ask(self, standing: Standing, ask: Callable[[], None], said: bool) -> bool:
        """Ask once; whether the log has said that there is no answer."""
        began = self._monotonic()
        reason: str | None = None
        try:
            ask()
        except Exception as refused:  # noqa: BLE001 - whatever went wrong, it was no answer; asking must go on
            reason = refused.message if isinstance(refused, HoldfastError) else repr(refused)
            standing.failed()
        else:
            standing.heard(began, self._monotonic())
        is_silent = standing.is_silent(self._monotonic())
        if is_silent and not said:
            self._log.error("out of reach", what=standing.name, reason=reason)
        elif said and not is_silent:
            self._log.info("within reach again", what=standing.name)
        return is_silent
