"""Lines of a log on their way to a descriptor, written by a thread of their own.

The reader of a pipe may stop reading (a paused terminal, a stuck log shipper), and then every write waits. Invariants:

- No thread that logs ever waits for the reader.
- The lines under way are bounded in number and bytes; beyond that the newest are dropped, counted, and the log says how
  many are missing at the place where they are.
- Each line is one write, so that lines of several processes do not mix.
"""

import os
import select
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

LINES_WAITING_MAX = 10_000
BYTES_WAITING_MAX = 8 * 1024 * 1024
FLUSH_SECONDS_MAX = 5


class LogQueue:
    """Writes to (a duplicate of) `descriptor`; `notice` makes the line that says how many were dropped."""

    def __init__(
        self,
        descriptor: int,
        notice: Callable[[int], str],
        *,
        lines_max: int = LINES_WAITING_MAX,
        bytes_max: int = BYTES_WAITING_MAX,
    ) -> None:
        self._descriptor = os.dup(descriptor)
        self._notice = notice
        self._lines_max, self._bytes_max = lines_max, bytes_max
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._missing = 0
        """Dropped since the last line that was taken."""
        self._dropped = 0
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """How many lines were dropped so far."""
        return self._dropped

    def put(self, line: str) -> None:
        """Returns at once."""
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        with self._changed:
            if len(self._waiting) >= self._lines_max or self._bytes + len(data) > self._bytes_max:
                self._missing += 1
                self._dropped += 1
                return
            self._note_missing()
            self._append(data)

    def close(self, seconds_max: float = FLUSH_SECONDS_MAX) -> None:
        """Writes what waits. A reader that takes nothing for so long loses the rest: a process must end."""
        with self._changed:
            self._note_missing()
            self._closing = True
            self._changed.notify()
        self._thread.join(seconds_max)

    def _note_missing(self) -> None:
        if self._missing:
            missing, self._missing = self._missing, 0
            self._append(self._notice(missing).encode("utf-8", "backslashreplace") + b"\n")

    def _append(self, data: bytes) -> None:
        self._waiting.append(data)
        self._bytes += len(data)
        self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closing:
                    self._changed.wait()
                if not self._waiting:
                    break
                data = self._waiting[0]
            # A line counts as waiting until it is written: also the one that the reader keeps waiting.
            # A full disk or a closed pipe: there is nowhere left to say so.
            with suppress(OSError):
                _write(self._descriptor, data)
            with self._changed:
                self._waiting.popleft()
                self._bytes -= len(data)
        os.close(self._descriptor)


def _write(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(descriptor, left) :]
        except BlockingIOError:
            # Another program that has the same pipe open made it non-blocking.
            poll = select.poll()
            poll.register(descriptor, select.POLLOUT)
            poll.poll()
