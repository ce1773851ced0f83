"""A server of bare sockets: it answers what a test tells it to, and shows which bytes travelled."""

import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from holdfast.client.endpoint import Endpoint, parse_endpoint


class Talk:
    """One accepted connection, seen from the server's side."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._held = b""

    def head(self) -> bytes:
        """The next request head, or nothing at the end of the connection."""
        while b"\r\n\r\n" not in self._held:
            data = self.socket.recv(65536)
            if not data:
                return b""
            self._held += data
        head, _, self._held = self._held.partition(b"\r\n\r\n")
        return head

    def body(self, length: int) -> bytes:
        """The next `length` bytes, or fewer at the end of the connection."""
        while len(self._held) < length:
            data = self.socket.recv(1 << 20)
            if not data:
                break
            self._held += data
        body, self._held = self._held[:length], self._held[length:]
        return body

    def rest(self, seconds: float = 5.0) -> bytes:
        """All that still comes, until the other side closes or is silent for `seconds`."""
        self.socket.settimeout(seconds)
        try:
            while data := self.socket.recv(1 << 20):
                self._held += data
        except (TimeoutError, ConnectionError):
            pass
        return self._held

    def request(self) -> tuple[bytes, bytes]:
        """The next request, head and body; empty at the end of the connection."""
        head = self.head()
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        return head, self.body(length)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reply(self, status: str = "200 OK", body: bytes = b"{}", *headers: str) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


class RawServer:
    """Listens on loopback; connection n is handled by behaviour n, the last behaviour by all that follow."""

    def __init__(self, *behaviours: Callable[[Talk], None]) -> None:
        self._behaviours = behaviours
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self.connections = 0
        self.failures: list[Exception] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def endpoint(self) -> Endpoint:
        return parse_endpoint(f"http://127.0.0.1:{self._listener.getsockname()[1]}", "the test")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A connect wakes the accepting thread, which closing the listener alone would not.
        self._stopping = True
        socket.create_connection(self._listener.getsockname()).close()
        self._accepting.join(120)
        self._listener.close()
        for thread in self._threads:
            thread.join(120)
        if error is None and self.failures:
            raise self.failures[0]

    _stopping = False

    def _accept(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            if self._stopping:
                sock.close()
                return
            behaviour = self._behaviours[min(self.connections, len(self._behaviours) - 1)]
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(behaviour, sock), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, behaviour: Callable[[Talk], None], sock: socket.socket) -> None:
        with sock:
            try:
                behaviour(Talk(sock))
            except (ConnectionError, TimeoutError):
                pass
            except Exception as error:  # noqa: BLE001 - raised again in the thread of the test
                self.failures.append(error)


def answering(*statuses: str, body: bytes = b"{}", headers: tuple[str, ...] = ()) -> Callable[[Talk], None]:
    """A behaviour: one answer per request on a kept connection, the last status again and again."""

    def behaviour(talk: Talk) -> None:
        count = 0
        while talk.request()[0]:
            talk.reply(statuses[min(count, len(statuses) - 1)], body, *headers)
            count += 1

    return behaviour
