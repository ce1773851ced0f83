"""Requests as bytes on a socket, so that a test may send what no client would."""

import contextlib
import hashlib
import json
import socket
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class RawRequest:
    """A request in the making; every part may be spoilt before it is sent."""

    method: str
    path: bytes
    query: list[tuple[bytes, bytes]] = field(default_factory=list)
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    content_length: int | None = None
    """None declares the body's own length."""
    half_close: bool = False
    """Ends the sending side after the body: for a body shorter than declared."""

    def raw_query(self) -> bytes:
        return b"&".join(key + b"=" + value for key, value in self.query)

    def encode(self, signature: tuple[tuple[bytes, bytes], ...]) -> bytes:
        target = self.path + (b"?" + self.raw_query() if self.query else b"")
        declared = len(self.body) if self.content_length is None else self.content_length
        lines = [self.method.encode() + b" " + target + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in (*self.headers, *signature)]
        lines.append(b"content-length: %d" % declared)
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.body

    def payload_hash(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True)
class RawAnswer:
    status: int
    headers: dict[str, str]
    body: bytes

    def error(self) -> dict[str, object]:
        decoded = json.loads(self.body)
        assert isinstance(decoded, dict)
        return decoded


class RawConnection:
    """One connection, made anew whenever the server has closed it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname and parts.port
        self._address = (parts.hostname, parts.port)
        self._socket: socket.socket | None = None

    def ask(self, data: bytes, *, half_close: bool = False) -> RawAnswer:
        """The final answer to `data`. A server that closes without one is an AssertionError."""
        fresh = self._socket is None
        try:
            return self._ask(data, half_close)
        except (ConnectionError, _Closed):
            self.close()
            if fresh:
                raise
            return self._ask(data, half_close)

    def _ask(self, data: bytes, half_close: bool) -> RawAnswer:
        if self._socket is None:
            self._socket = socket.create_connection(self._address, 30)
        with contextlib.suppress(ConnectionError):
            # The server may have answered and closed before it took everything: its answer is still to be read.
            self._socket.sendall(data)
        if half_close:
            self._socket.shutdown(socket.SHUT_WR)
        answer = self._read()
        if half_close or answer.headers.get("connection", "").lower() == "close":
            self.close()
        return answer

    def _read(self) -> RawAnswer:
        """The next final answer; interim ones (100 Continue) are passed over."""
        data = b""
        while True:
            while b"\r\n\r\n" not in data:
                data += self._receive()
            head, _, data = data.partition(b"\r\n\r\n")
            status_line, *lines = head.decode("latin-1").split("\r\n")
            assert status_line.split(" ", 2)[2], "a status line needs a reason phrase"
            status = int(status_line.split(" ")[1])
            if status >= 200:
                break
        headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        while len(data) < int(headers["content-length"]):
            data += self._receive()
        return RawAnswer(status, headers, data)

    def _receive(self) -> bytes:
        assert self._socket is not None
        data = self._socket.recv(65536)
        if not data:
            raise _Closed("the server closed the connection without an answer")
        return data

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class _Closed(AssertionError):
    pass
