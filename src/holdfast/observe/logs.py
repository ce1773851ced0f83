"""Structured logs: one event a line on stderr, JSON for machines, coloured text for a terminal.

A log is opened once and handed to those who write in it; there is no global one. The id of the request being served
travels in a context variable, so that whoever logs underneath need not know it. Nothing secret is ever an argument of
an event: callers log ids, sizes and codes, never keys, signatures or bodies. As a second lock, values under names that
sound secret are blotted out. A log that cannot be written (full disk, closed pipe) never fails the work it tells of;
that of a service (`ServiceLog`) never keeps it waiting either.
"""

import logging
import sys
import threading
from collections.abc import Callable, MutableMapping
from contextvars import ContextVar
from typing import IO, TYPE_CHECKING, Any

import msgspec

from holdfast.model.printable import printable, printable_json, printable_lines
from holdfast.observe.log_queue import LogQueue
from holdfast.observe.log_words import LogFormat, LogLevel

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger, Processor

    Logger = FilteringBoundLogger
else:
    Logger = Any  # structlog is loaded with the first log that is opened: see `late_log`

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that this thread or task is serving."""

_SECRET_NAMES = frozenset({"secret", "secret_access_key", "authorization", "signature", "password", "token", "key"})
_encoder = msgspec.json.Encoder(enc_hook=repr)


def open_log(level: LogLevel = "info", form: LogFormat = "auto", stream: IO[str] | None = None) -> Logger:
    """A log of events at or above `level` on `stream` (stderr). `auto` is text on a terminal, JSON elsewhere."""
    target = sys.stderr if stream is None else stream
    return _logger(_Gate(level), form, target.isatty(), _Lines(target).put)


class ServiceLog:
    """The log of a process that serves, on stderr. `logger` writes in it; `close` writes what waits.

    Its level may change while it is written to.
    """

    def __init__(self, level: LogLevel, form: LogFormat) -> None:
        self._gate = _Gate(level)
        is_terminal = sys.stderr.isatty()
        notices = _Memory()
        note = _logger(_Gate("debug"), form, is_terminal, notices.put)

        def notice(missing: int) -> str:
            note.warning("log lines were dropped, since the reader of this log does not read", dropped=missing)
            return notices.take()

        self._queue = LogQueue(sys.stderr.fileno(), notice)
        self.logger = _logger(self._gate, form, is_terminal, self._queue.put)

    def set_level(self, level: LogLevel) -> None:
        """Events below `level` are not written from here on."""
        self._gate.set_level(level)

    def dropped(self) -> int:
        """How many lines were dropped so far, because nothing reads them."""
        return self._queue.dropped

    def close(self) -> None:
        """Returns when all is written, or when nothing was read for some seconds."""
        self._queue.close()


def _logger(gate: "_Gate", form: LogFormat, is_terminal: bool, put: Callable[[str], None]) -> Logger:
    import structlog

    processors: list[Processor] = [
        gate,
        _add_request_id,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _blot_secrets,
    ]
    processors.append(structlog.processors.format_exc_info)
    if form == "text" or (form == "auto" and is_terminal):
        processors += [_make_printable, structlog.dev.ConsoleRenderer(colors=is_terminal)]
    else:
        processors.append(_render_json)
    bound: Logger = structlog.wrap_logger(
        _Sink(put),
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        context_class=dict,
    ).bind()
    return bound


class _Gate:
    """Ends the way of events below a level, which may change."""

    def __init__(self, level: LogLevel) -> None:
        self.set_level(level)

    def set_level(self, level: LogLevel) -> None:
        self._number: int = getattr(logging, level.upper())

    def __call__(self, _: Any, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if getattr(logging, name.upper(), logging.ERROR) < self._number:
            from structlog import DropEvent

            raise DropEvent
        return event


class _Sink:
    """What structlog calls with a line that is ready."""

    def __init__(self, put: Callable[[str], None]) -> None:
        self.debug = self.info = self.warning = self.error = self.critical = self.exception = self.msg = put


class _Lines:
    """Writes each event with one call, so that lines of different threads and processes do not mix."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def put(self, line: str) -> None:
        with self._lock:
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except (OSError, ValueError):  # a closed pipe or stream: there is nowhere left to say so
                pass


class _Memory:
    """Keeps one line."""

    def __init__(self) -> None:
        self._line = ""

    def put(self, line: str) -> None:
        self._line = line

    def take(self) -> str:
        return self._line


class StandardLibraryHandler(logging.Handler):
    """Hands records of the standard library's logging (uvicorn's) to a log of ours."""

    def __init__(self, log: Logger) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.log(record.levelno, record.getMessage(), part=record.name, exc_info=record.exc_info or None)


def _add_request_id(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    current = request_id.get()
    if current is not None and "request_id" not in event:
        event["request_id"] = current
    return event


def _blot_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in _SECRET_NAMES.intersection(event):
        event[name] = "(not shown)"
    return event


def _make_printable(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """What others named or said must not steer the terminal on which the log is read."""
    for name, value in event.items():
        if name == "exception":
            event[name] = printable_lines(value)
        elif not isinstance(value, bool | int | float | None):
            event[name] = printable(value if isinstance(value, str) else repr(value))
    return event


def _render_json(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
    return printable_json(_encoder.encode(event).decode("utf-8"))
