"""The worker's end of its connection to the supervisor, without which it must not live.

One thread listens, says now and then that the process is not stuck, and ends it the moment that the connection does.
"""

import os
import socket
import threading
from collections.abc import Callable
from select import select
from typing import NoReturn

from holdfast.app.worker_channel import Alive, Buried, FromWorker, Refused, Reload, Start, Stop, encode, to_worker

_ALIVE_SECONDS = 2.0
_READ_BYTES = 64 * 1024


class Tie:
    """Takes over `connection`. What the supervisor says is read from the first line on; see `start`."""

    def __init__(self, connection: socket.socket, *, alive_seconds: float = _ALIVE_SECONDS) -> None:
        self._connection = connection
        self._alive_seconds = alive_seconds
        self._unread = b""
        self._sending = threading.Lock()
        self._lock = threading.Lock()
        self._buried: list[int] = []
        self.on_stop: Callable[[bool], object] = lambda at_once: None  # noqa: ARG005 - nothing runs yet
        """Called when the worker is to end, with whether at once; by the thread that listens."""

        self.on_reload: Callable[[Reload], object] = lambda reload: None  # noqa: ARG005 - as above
        """Called when something may have changed; by the thread that listens."""

    def start(self) -> Start:
        """Waits for the first line; from then on the process ends with the connection."""
        while b"\n" not in self._unread:
            self._read()
        line, _, self._unread = self._unread.partition(b"\n")
        start = to_worker(line)
        assert isinstance(start, Start)
        threading.Thread(target=self._listen, name="supervisor", daemon=True).start()
        return start

    def send(self, message: FromWorker) -> None:
        """Safe for many threads."""
        try:
            with self._sending:
                self._connection.sendall(encode(message))
        except OSError:
            _end()

    def give_up(self, reason: str) -> NoReturn:
        """Ends the process at once."""
        self.send(Refused(reason))
        _end()

    def buried(self) -> list[int]:
        """Writers whose processes have ended, and that this worker is to end in the catalog; each is told once."""
        with self._lock:
            buried, self._buried = self._buried, []
        return buried

    def _listen(self) -> None:
        while True:
            while b"\n" in self._unread:
                line, _, self._unread = self._unread.partition(b"\n")
                order = to_worker(line)
                if isinstance(order, Stop):
                    self.on_stop(order.at_once)
                elif isinstance(order, Reload):
                    self.on_reload(order)
                elif isinstance(order, Buried):
                    with self._lock:
                        self._buried += order.writer_nos
            if select([self._connection], [], [], self._alive_seconds)[0]:
                self._read()
            else:
                self.send(Alive())

    def _read(self) -> None:
        try:
            data = self._connection.recv(_READ_BYTES)
        except OSError:
            data = b""
        if not data:
            _end()
        self._unread += data


def _end() -> NoReturn:
    # Not gently: another service may have the store by now. It is the same as being killed, which loses nothing.
    os._exit(1)
