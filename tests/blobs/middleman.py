"""Stands between us and a real S3 server and treats chosen requests badly: answers itself, or loses the answer."""

import re
import socket
import threading
from collections.abc import Callable
from typing import Self

Step = Callable[[bytes, "Middleman"], bytes]
"""From a whole request, what the client gets: an answer, part of one, or nothing; the connection is closed then."""


def answer(status: str, code: str = "", sentence: str = "", head: str = "") -> Step:
    """An error in the server's place, which never sees the request."""
    body = f"<Error><Code>{code}</Code><Message>{sentence}</Message></Error>" if code else ""
    text = f"HTTP/1.1 {status}\r\n{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
    return lambda _, __: text.encode()


def verbatim(text: bytes) -> Step:
    """Any bytes in the server's place."""
    return lambda _, __: text


def lose(request: bytes, middleman: "Middleman") -> bytes:
    """The server does it, and its answer is lost."""
    middleman.ask(request)
    return b""


def lose_all_but(count: int) -> Step:
    """The server does it, and only the first bytes of its answer arrive."""
    return lambda request, middleman: middleman.ask(request)[:count]


class Middleman:
    """Listens on the loopback; `steps` are used up one by one, for requests that match `on`; others are passed on."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self.steps: list[Step] = []
        self.on = b""
        self.requests: list[bytes] = []
        """The first line of each."""

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._door.close()

    def ask(self, request: bytes) -> bytes:
        """The server's whole answer."""
        with socket.create_connection(("127.0.0.1", self._target_port)) as server:
            server.sendall(request.replace(b"\r\n", b"\r\nconnection: close\r\n", 1))
            parts = []
            while part := server.recv(1 << 20):
                parts.append(part)
        return b"".join(parts)

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            request = b""
            while b"\r\n\r\n" not in request:
                part = client.recv(1 << 20)
                if not part:
                    return
                request += part
            head, _, body = request.partition(b"\r\n\r\n")
            found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            parts = [body]
            missing = (int(found[1]) if found else 0) - len(body)
            while missing > 0 and (part := client.recv(1 << 20)):
                parts.append(part)
                missing -= len(part)
            self.requests.append(head.split(b"\r\n")[0])
            whole = head + b"\r\n\r\n" + b"".join(parts)
            step = self.steps.pop(0) if self.steps and self.on in self.requests[-1] else None
            client.sendall(self.ask(whole) if step is None else step(whole, self))
