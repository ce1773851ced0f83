"""Takes new connections from a listening socket, counts them from that moment on, and refuses those that are too many.

The event loop's own server would count a TLS connection only after its handshake, make a TLS object for a peer
that connects and says nothing, and end in a loop of tracebacks when there are no descriptors left. So connections are
accepted here: each gets its slot first; one on a TLS port is looked at without reading (is it TLS at all?), and only
then given to the event loop. Invariant: each slot that was entered is left, whatever becomes of its connection.
"""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Callable

from holdfast.model.limits import HANDSHAKE_SECONDS_MAX
from holdfast.server.refusals import Refusals
from holdfast.server.slots import ConnectionSlots, Slot
from holdfast.server.tls_hello import Hello

BACKLOG = 1024
_AT_ONCE = 64
"""Connections taken before others are served again."""
_PAUSE_SECONDS = 0.2
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_TLS_HANDSHAKE = b"\x16"
_PLAIN_TEXT = b"This port speaks TLS: use https:// instead of http://.\n"
_PLAIN_ANSWER = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(_PLAIN_TEXT), _PLAIN_TEXT)
)
_BUSY_ANSWER = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"

Factory = Callable[[Slot], asyncio.BaseProtocol]


class Acceptor:
    """Accepts on `listener` from `start` to `close`; `connection` makes the protocol of each connection."""

    def __init__(
        self,
        listener: socket.socket,
        connection: Factory,
        slots: ConnectionSlots,
        refusals: Refusals,
        tls: ssl.SSLContext | None = None,
        handshake_seconds_max: float = HANDSHAKE_SECONDS_MAX,
    ) -> None:
        self._listener = listener
        self._connection = connection
        self._slots = slots
        self._refusals = refusals
        self._tls = tls
        self._handshake_seconds_max = handshake_seconds_max
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[None]] = set()
        self._unheard: set[Hello] = set()
        self._pause: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Listen."""
        self._listener.setblocking(False)
        self._listener.listen(BACKLOG)
        self._loop.add_reader(self._listener, self._accept)

    def close(self) -> None:
        """Accept no more, and close what has not begun to speak. The listening socket stays the caller's."""
        self._loop.remove_reader(self._listener)
        if self._pause is not None:
            self._pause.cancel()
        for hello in list(self._unheard):
            hello.close()
        for task in list(self._opening):
            task.cancel()

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                sock, address = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as refused:
                if refused.errno in _EXHAUSTED:
                    self._wait_for_descriptors(refused)
                    return
                continue  # that connection is gone already
            sock.setblocking(False)
            self._take(sock, str(address[0]))

    def _take(self, sock: socket.socket, address: str) -> None:
        slot = self._slots.enter(address)
        if slot is None:
            self._refusals.note("no slot", address, "closed at once: all connections, and the reserve, are at work")
            if self._tls is None:
                _say(sock, _BUSY_ANSWER)
            sock.close()
        elif self._tls is None:
            self._open(sock, slot)
        else:
            self._unheard.add(Hello(sock, slot, self._handshake_seconds_max, self._heard))

    def _open(self, sock: socket.socket, slot: Slot) -> None:
        task = self._loop.create_task(self._connect(sock, slot))
        slot.evict = task.cancel  # type: ignore[assignment] # until the connection is made and knows better
        self._opening.add(task)

        def opened(_: object) -> None:
            self._opening.discard(task)
            # A task that was cancelled before its first step has not run at all.
            if task.cancelled() or task.exception() is not None:
                slot.leave()
                sock.close()

        task.add_done_callback(opened)

    async def _connect(self, sock: socket.socket, slot: Slot) -> None:
        seconds = {} if self._tls is None else {"ssl_handshake_timeout": self._handshake_seconds_max}
        try:
            await self._loop.connect_accepted_socket(lambda: self._connection(slot), sock, ssl=self._tls, **seconds)
        except OSError as broken:  # ssl.SSLError and a time-out are such
            if self._tls is not None:
                self._refusals.note("handshake", slot.address, str(broken))
            raise

    def _heard(self, hello: Hello, first: bytes) -> None:
        """The peer on a TLS port has said something; `first` is its first byte, or nothing if it says nothing more."""
        self._unheard.discard(hello)
        if first == _TLS_HANDSHAKE:
            self._open(hello.sock, hello.slot)
            return
        if first.isalpha():
            self._refusals.note("plain http", hello.slot.address, _PLAIN_TEXT.decode().strip())
            with contextlib.suppress(OSError):
                hello.sock.recv(65536)  # what is not read would reset the connection before the answer arrives
            _say(hello.sock, _PLAIN_ANSWER)
        elif first:
            self._refusals.note("not tls", hello.slot.address)
        hello.slot.leave()
        hello.sock.close()

    def _wait_for_descriptors(self, refused: OSError) -> None:
        self._refusals.note("descriptors", "", f"{refused.strerror}: raise the limit of open files (ulimit -n)")
        self._loop.remove_reader(self._listener)
        self._pause = self._loop.call_later(_PAUSE_SECONDS, self._loop.add_reader, self._listener, self._accept)


def _say(sock: socket.socket, answer: bytes) -> None:
    with contextlib.suppress(OSError):
        sock.send(answer)
        sock.shutdown(socket.SHUT_WR)
