"""Reads one HTTP/1.1 answer from a socket.

httptools (llhttp) judges the head and takes chunked bodies apart; a body of declared length is received straight into
one buffer of that size, so that a 16 MiB chunk is never copied. An answer is whole or an error: a body that ends early
is `Transient`, one above the limit is refused before it is read. And it comes to an end: interim answers, bytes around
the body (chunk extensions, trailers) and the whole of a chunked body are bounded, and what comes must come at a pace.
"""

import socket
import time
from collections.abc import Callable

import httptools

from holdfast.client.transport import ClientReply
from holdfast.model.errors import Internal, Transient
from holdfast.model.limits import CHUNK_BYTES_MAX_CEILING, REQUEST_HEAD_BYTES_MAX
from holdfast.wire.message import Buffer

RESPONSE_BYTES_MAX = 2 * CHUNK_BYTES_MAX_CEILING
INTERIM_ANSWERS_MAX = 32
"""Of one request. A server sends one 100, perhaps a 103; some send 102 every few seconds while they work."""
PACE_BYTES_MIN = 1024
"""What must come of an answer, once it has begun, in each period of the idle time-out."""
_FRAMED_BYTES_MAX = 2 * RESPONSE_BYTES_MAX
_RECEIVE_BYTES = 64 * 1024


class Unanswered(Transient):
    """The connection ended before one byte of the answer came; the request may be sent again on a new one."""


class _Head:
    """Collects what httptools finds."""

    __slots__ = (
        "around",
        "body",
        "body_length",
        "complete",
        "fed",
        "headers",
        "keep_alive",
        "length",
        "parser",
        "replies",
    )

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.body: list[bytes] = []
        self.body_length = 0
        self.length: int | None = None
        self.complete = False
        self.keep_alive = False
        self.replies = 0
        self.fed = 0
        self.around = 0
        """Bytes that came since the latest of the body."""
        self.parser = httptools.HttpResponseParser(self)

    def on_message_begin(self) -> None:
        self.replies += 1

    def on_header(self, name: bytes, value: bytes) -> None:
        lower = name.lower()
        if lower == b"content-length":
            self.length = int(value)
        self.headers.append((lower, value))

    def on_headers_complete(self) -> None:
        self.keep_alive = self.parser.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        self.body_length += len(data)
        self.around = 0
        self.body.append(data)

    def on_message_complete(self) -> None:
        self.complete = True

    def feed(self, data: Buffer) -> None:
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as malformed:
            raise Transient(f"the answer is not HTTP/1.1 that can be read: {malformed}") from malformed

    def feed_framed(self, data: Buffer) -> None:
        """As `feed`, for a body without a declared length. Raises Internal where it becomes too much."""
        self.fed += len(data)
        self.around += len(data)
        self.feed(data)
        if self.body_length > RESPONSE_BYTES_MAX:
            raise Internal(f"the endpoint's answer is longer than {RESPONSE_BYTES_MAX} bytes: more are not taken")
        if self.around > REQUEST_HEAD_BYTES_MAX or self.fed > _FRAMED_BYTES_MAX:
            raise Internal(
                f"the endpoint's answer has {self.fed - self.body_length} bytes around the {self.body_length} of its"
                f" body: at most {REQUEST_HEAD_BYTES_MAX} in a row are taken, and {_FRAMED_BYTES_MAX} in all"
            )


class ReplyReader:
    """The receiving half of one connection. `clock` gives seconds."""

    def __init__(
        self, sock: socket.socket, pace_seconds: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._socket = sock
        self._pace = _Pace(pace_seconds, clock)
        self._received = b""
        self._interim = 0
        self.reusable = True
        """False once the connection cannot carry another request."""
        self.begun = False
        """True once a byte has come since the request."""

    def expect_answer(self) -> None:
        """A new request is about to be sent."""
        self.begun = False
        self._interim = 0

    def read(self) -> ClientReply:
        """The next answer, interim ones (1xx) included, whole. Raises Unanswered, Transient, Internal, or OSError."""
        self._pace.rest()
        head = self._read_head()
        status = head.parser.get_status_code()
        if status < 200:
            if status == 101:
                raise Internal("the endpoint answered 101 Switching Protocols, which nobody asked for")
            self._interim += 1
            if self._interim > INTERIM_ANSWERS_MAX:
                raise Internal(
                    f"the endpoint sent more than {INTERIM_ANSWERS_MAX} interim answers (1xx) and no final one"
                )
            return ClientReply(status, tuple(head.headers))
        if head.complete:
            body: Buffer = b""
        elif head.length is not None and not any(name == b"transfer-encoding" for name, _ in head.headers):
            body = self._read_length(head.length)
        else:
            body = self._read_framed(head)
        self.reusable = self.reusable and head.keep_alive and not self._received
        return ClientReply(status, tuple(head.headers), body)

    def _read_head(self) -> _Head:
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            if len(self._received) > REQUEST_HEAD_BYTES_MAX:
                raise Internal(f"the endpoint's answer has a head of more than {REQUEST_HEAD_BYTES_MAX} bytes")
            data = self._socket.recv(_RECEIVE_BYTES)
            if not data:
                raise self._ended("its head")
            self._pace.came(len(data))
            self._received += data
            self.begun = True
        end += 4
        head = _Head()
        head.feed(self._received[:end])
        self._received = self._received[end:]
        return head

    def _read_length(self, length: int) -> Buffer:
        if length > RESPONSE_BYTES_MAX:
            raise Internal(f"the endpoint's answer has {length} bytes: more than {RESPONSE_BYTES_MAX} are not taken")
        have = self._received
        if len(have) >= length:
            self._received = have[length:]
            return have[:length]
        self._received = b""
        whole = bytearray(length)
        view = memoryview(whole)
        view[: len(have)] = have
        filled = len(have)
        while filled < length:
            count = self._socket.recv_into(view[filled:])
            if not count:
                raise Transient(f"the answer ended after {filled} of {length} bytes: the connection broke")
            self._pace.came(count)
            filled += count
        return whole

    def _read_framed(self, head: _Head) -> bytes:
        """A chunked body, or one that lasts until the connection closes."""
        chunked = any(name == b"transfer-encoding" for name, _ in head.headers)
        data = self._received
        self._received = b""
        while True:
            if data:
                head.feed_framed(data)
            if head.complete:
                # Bytes after the last chunk would belong to an answer that nobody asked for.
                self.reusable = self.reusable and head.replies == 1
                break
            data = self._socket.recv(_RECEIVE_BYTES)
            if not data:
                if chunked:
                    raise Transient("the answer ended before its last chunk: the connection broke")
                break
            self._pace.came(len(data))
        return b"".join(head.body)

    def _ended(self, what: str) -> Transient:
        if self.begun:
            return Transient(f"the answer ended within {what}: the connection broke")
        return Unanswered("the connection was closed before an answer came")


class _Pace:
    """Whether bytes come fast enough to be waited for; the time-out of the socket sees only that some come."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._since: float | None = None
        self._bytes = 0

    def rest(self) -> None:
        """Nothing is due: time counts again from the next byte."""
        self._since = None

    def came(self, count: int) -> None:
        """Notes bytes. Raises Transient where too few have come in a period."""
        now = self._clock()
        if self._since is None:
            self._since, self._bytes = now, 0
        self._bytes += count
        if now - self._since < self._seconds:
            return
        if self._bytes < PACE_BYTES_MIN:
            raise Transient(
                f"{self._bytes} bytes of the answer came in {now - self._since:.0f} seconds: at least {PACE_BYTES_MIN}"
                f" in {self._seconds:g} are waited for"
            )
        self._since, self._bytes = now, 0
