"""A log for a process that seldom has anything to log: it is opened with the first event that is written.

The library behind a log takes as long to load as a short command takes in all.
"""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from holdfast.observe.log_words import LogLevel

if TYPE_CHECKING:
    from holdfast.observe.logs import Logger

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def late_log(level: LogLevel) -> "Logger":
    """What `logs.open_log(level)` would give, once an event at or above `level` comes."""

    @cache
    def opened() -> "Logger":
        from holdfast.observe.logs import open_log

        return open_log(level)

    return cast("Logger", _LateLog(_LEVELS[level], opened, {}))


class _LateLog:
    """The methods of a log that this program calls."""

    def __init__(self, lowest: int, opened: Callable[[], "Logger"], bound: dict[str, Any]) -> None:
        self._lowest = lowest
        self._opened = opened
        self._bound = bound

    def bind(self, **facts: Any) -> "_LateLog":
        return _LateLog(self._lowest, self._opened, self._bound | facts)

    def log(self, level: int, event: str, **facts: Any) -> None:
        if level >= self._lowest:
            self._opened().log(level, event, **(self._bound | facts))

    def debug(self, event: str, **facts: Any) -> None:
        self.log(10, event, **facts)

    def info(self, event: str, **facts: Any) -> None:
        self.log(20, event, **facts)

    def warning(self, event: str, **facts: Any) -> None:
        self.log(30, event, **facts)

    def error(self, event: str, **facts: Any) -> None:
        self.log(40, event, **facts)
