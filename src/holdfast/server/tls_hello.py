"""A connection on a TLS port that has not said anything yet: a socket and a timer, nothing more.

Its first byte is looked at and left where it is, so that TLS can be spoken afterwards; where it is not TLS, that can
be said to the peer in words.
"""

import asyncio
import socket
from collections.abc import Callable

from holdfast.server.slots import Slot


class Hello:
    """Calls `heard` once, with the first byte; with none if the peer is gone, silent too long, or has to give way."""

    def __init__(
        self, sock: socket.socket, slot: Slot, seconds_max: float, heard: "Callable[[Hello, bytes], None]"
    ) -> None:
        self.sock = sock
        self.slot = slot
        self._heard = heard
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(seconds_max, self.close)
        self._loop.add_reader(sock, self._look)
        slot.evict = self.close

    def close(self) -> None:
        """Wait no longer."""
        self._end(b"")

    def _look(self) -> None:
        try:
            first = self.sock.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            first = b""
        self._end(first)

    def _end(self, first: bytes) -> None:
        self._timer.cancel()
        self._loop.remove_reader(self.sock)
        self._heard(self, first)
