"""The transport over HTTP/1.1: a pool of keep-alive connections that many threads share.

A connection that the server closed while it lay idle is noticed before use, or its request is sent once more on a new
one, provided that not one byte of an answer had come. Everything else that breaks is `Transient` or `Unavailable`, and
the caller decides about another attempt.
"""

import socket
import threading
from typing import TYPE_CHECKING

from holdfast.client.connection import Connection
from holdfast.client.endpoint import Endpoint
from holdfast.client.reply_reader import Unanswered
from holdfast.client.transport import ClientReply, ClientRequest, body_bytes, body_parts
from holdfast.model.errors import InvalidInput, Transient, Unavailable
from holdfast.wire.message import EARLY_ANSWER_CLOSES

if TYPE_CHECKING:
    import ssl

CONNECT_SECONDS_MAX = 10.0
IDLE_SECONDS_MAX = 60.0
IDLE_CONNECTIONS_MAX = 64
PLAIN_AFTER_BREAK = 64
"""Bodies that are sent without asking, once a request that asked has broken off."""


class HttpTransport:
    """Fulfils `Transport` for one endpoint.

    `ca_bundle` is a PEM file of authorities to trust instead of the system's. `sends_again`: a request whose reused
    connection ended without an answer goes once more over a new one, unseen by the caller; it may then be done twice.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        ca_bundle: str | None = None,
        connect_seconds_max: float = CONNECT_SECONDS_MAX,
        idle_seconds_max: float = IDLE_SECONDS_MAX,
        sends_again: bool = True,
    ) -> None:
        self._endpoint = endpoint
        self._connect_seconds_max = connect_seconds_max
        self._idle_seconds_max = idle_seconds_max
        self._sends_again = sends_again
        self._tls = _tls_context(ca_bundle) if endpoint.tls else None
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._closed = False
        self._host = endpoint.host
        self._plain_left = 0

    @property
    def host(self) -> bytes:
        """The value of the `host` header of every request."""
        return self._host

    def send(self, request: ClientRequest, *, expect: bool = False) -> ClientReply:
        """The answer to `request`. With `expect`, waits up to a second for leave to send the body.

        Raises Transient where a connection broke, Unavailable where none could be made.
        """
        body = [part for part in body_parts(request.body) if body_bytes(part)]
        body = [memoryview(part).cast("B") if isinstance(part, memoryview) else part for part in body]
        expect = expect and bool(body) and self._may_expect()
        head = _request_head(request, sum(len(part) for part in body), expect)
        reused = self._take()
        if reused is not None:
            try:
                return self._exchange(reused, head, body, expect)
            except Unanswered:
                if not self._sends_again:
                    raise
        return self._exchange(self._connect(), head, body, expect)

    def close(self) -> None:
        """Close the idle connections; those in use close when their exchange ends."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _exchange(
        self, connection: Connection, head: bytes, body: list[bytes | bytearray | memoryview], expect: bool
    ) -> ClientReply:
        try:
            reply = connection.exchange(head, body, expect)
        except BaseException as broken:
            connection.close()
            if expect and type(broken) is Transient:
                # A proxy may have asked for the body by itself, and broken off when the answer came without it.
                self._plain_left = PLAIN_AFTER_BREAK
            raise
        self._give_back(connection)
        return reply

    def _may_expect(self) -> bool:
        with self._lock:
            if not self._plain_left:
                return True
            self._plain_left -= 1
            return False

    def _take(self) -> Connection | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if not connection.is_stale():
                return connection
            connection.close()

    def _give_back(self, connection: Connection) -> None:
        if connection.reusable:
            with self._lock:
                if not self._closed and len(self._idle) < IDLE_CONNECTIONS_MAX:
                    self._idle.append(connection)
                    return
        connection.close()

    def _connect(self) -> Connection:
        address = (self._endpoint.hostname, self._endpoint.port)
        try:
            plain = socket.create_connection(address, self._connect_seconds_max)
        except OSError as refused:
            raise Unavailable(
                f"cannot reach {self._endpoint}: {refused}; is the service running there, and is the endpoint right?"
            ) from refused
        try:
            # Head and body leave in one segment each; waiting for more to send would only add delay.
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is None:
                return Connection(plain, self._idle_seconds_max)
            secured = self._tls.wrap_socket(plain, server_hostname=self._endpoint.hostname)
            return Connection(secured, self._idle_seconds_max)
        except OSError as refused:  # ssl.SSLError is one
            plain.close()
            raise Unavailable(
                f"no secure connection to {self._endpoint}: {refused}; if its certificate is not from a public"
                " authority, name its authority's PEM file in AWS_CA_BUNDLE"
            ) from refused


def _request_head(request: ClientRequest, length: int, expect: bool) -> bytes:
    query = b"?" + request.raw_query if request.raw_query else b""
    lines = [request.method.encode("ascii") + b" " + request.raw_path + query + b" HTTP/1.1"]
    lines += [name + b": " + value for name, value in request.headers]
    lines.append(b"user-agent: holdfast")
    if length or request.method in ("PUT", "POST"):
        lines.append(b"content-length: %d" % length)
    if expect:
        lines += [b"expect: 100-continue", b": ".join(EARLY_ANSWER_CLOSES)]
    head = b"\r\n".join(lines)
    if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1:
        raise InvalidInput("a line break in a header value or a path: check the credentials and the endpoint for one")
    return head + b"\r\n\r\n"


def _tls_context(ca_bundle: str | None) -> "ssl.SSLContext":
    import ssl  # late: a plain connection has no use for its start-up time

    try:
        context = ssl.create_default_context(cafile=ca_bundle)
    except (OSError, ssl.SSLError) as unreadable:
        raise InvalidInput(f"the CA bundle {ca_bundle!r} cannot be used: {unreadable}; name a PEM file") from unreadable
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
