"""uvicorn's HTTP/1.1 connection, with everything closed that it leaves open.

What uvicorn 0.54 does well stays: httptools' parser, flow control, keep-alive timer, drain on stop. What is added here,
measured against hostile peers: a head must be complete within a time and a size, also on a kept-alive connection;
transfer-encodings other than `chunked`, both framings at once and malformed requests are refused with a modelled error
in JSON; upgrades are ignored; connections are capped; who does not read an answer is cut off; after an early answer the
connection is drained a little before it is closed, or the client would see a reset instead of the answer.
"""

import asyncio
from collections import deque
from functools import partial
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState

from holdfast.model.errors import HoldfastError, InvalidInput, Unavailable, UnreadableBody
from holdfast.observe.logs import Logger
from holdfast.observe.metrics import Metrics
from holdfast.server.closing import refusal
from holdfast.server.connection_options import ConnectionOptions
from holdfast.server.exchange import Exchange
from holdfast.server.head_rules import Refused, check_head, check_header_count

PIPELINED_MAX = 16
"""Requests that may wait on one connection for the answers before them; no AWS client sends more than one."""


class HoldfastProtocol(HttpToolsProtocol):
    """One connection. Everything runs in the event loop's thread."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        options: ConnectionOptions,
        metrics: Metrics,
        log: Logger,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.options = options
        self.log = log
        self._metrics = metrics
        self._current: Exchange | None = None
        self._parsed: Exchange | None = None
        self._waiting: deque[Exchange] = deque()
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._end_timer: asyncio.TimerHandle | None = None
        self._head_open = False
        self._head_bytes = 0
        self._fields_bytes = 0
        self._drain_bytes_left: int | None = None

    @classmethod
    def factory(cls, options: ConnectionOptions, metrics: Metrics, log: Logger) -> Any:
        """What uvicorn's Config takes for `http`."""
        return partial(cls, options=options, metrics=metrics, log=log.bind(part="connection"))

    # The connection's life.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.connections.add(self)
        self.transport = transport
        self.flow = FlowControl(transport)
        self.server = get_local_addr(transport)
        self.client = get_remote_addr(transport)
        self.scheme = "https" if is_ssl(transport) else "http"
        if len(self.connections) > self.options.connections_max:
            busy = Unavailable(f"all {self.options.connections_max} connections are in use: try again, or use fewer")
            self._refuse("connections", busy)
        else:
            self._arm_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        for timer in (self._head_timer, self._write_timer, self._end_timer):
            if timer is not None:
                timer.cancel()
        for exchange in (self._current, *self._waiting):
            if exchange is not None and not exchange.response_complete:
                exchange.disconnect()
        self._waiting.clear()
        self._unset_keepalive_if_required()
        self.connections.discard(self)
        self.flow.resume_writing()
        self.parser = None  # type: ignore[assignment]

    def eof_received(self) -> bool | None:  # type: ignore[override]
        exchange = self._parsed
        if self._drain_bytes_left is not None or exchange is None or exchange.response_complete:
            return None
        exchange.fail(UnreadableBody("the connection ended before the body did: send the whole body again"))
        return self.scheme == "http"  # the client may still read; TLS has no half-closed connection

    def data_received(self, data: bytes) -> None:
        if self._drain_bytes_left is not None:
            self._drain_bytes_left -= len(data)
            if self._drain_bytes_left < 0:
                self.transport.abort()
            return
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # on_headers_complete let the request through as an ordinary one, its connection's last
        except httptools.HttpParserError as malformed:
            cause = malformed.__context__
            if isinstance(cause, Refused):
                self._refuse(cause.reason, cause.error)
            else:
                self._refuse("malformed", InvalidInput(f"this is not HTTP/1.1: {malformed}"))
        else:
            self._watch_head(len(data))

    def pause_writing(self) -> None:
        super().pause_writing()
        seconds = self.options.write_idle_seconds_max
        self._write_timer = self.loop.call_later(seconds, self._cut_off, "unread answer")

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def end(self, *, unread: bool) -> None:
        """Close once the answer is out; with `unread` body bytes still coming, drain a little first."""
        seconds = self.options.drain_seconds_max
        self._drop_head_timer()
        if unread:
            self._drain_bytes_left = self.options.drain_bytes_max
            self.flow.resume_reading()
            if self.scheme == "http" and not self.transport.is_closing():
                self.transport.write_eof()
        else:
            self._drain_bytes_left = 0
            self.transport.close()
            seconds = self.options.write_idle_seconds_max
        self._end_timer = self.loop.call_later(seconds, self.transport.abort)

    # The parser's findings.

    def on_message_begin(self) -> None:
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self._head_open = True
        self._fields_bytes = 0

    def on_url(self, url: bytes) -> None:
        self.url += url
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._head_open:
            return  # a trailer: nothing that a head did not say is listened to
        self._count(len(name) + len(value) + 4)
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value.strip(b" \t")))
        check_header_count(len(self.headers))

    def on_headers_complete(self) -> None:
        self._head_open = False
        self._head_bytes = 0
        check_head(self.url, self.headers)
        exchange = self._exchange()
        self._parsed = exchange
        self.cycle = exchange  # type: ignore[assignment]
        if self._current is None or self._current.response_complete:
            self._start(exchange)
        elif len(self._waiting) < PIPELINED_MAX:
            self.flow.pause_reading()
            self._waiting.append(exchange)
        else:
            raise Refused("pipeline", InvalidInput(f"more than {PIPELINED_MAX} requests wait on this connection"))

    def on_body(self, body: bytes) -> None:
        if self._parsed is not None:
            self._parsed.feed(body)

    def on_message_complete(self) -> None:
        if self._parsed is not None:
            self._parsed.more_body = False
            self._parsed.message_event.set()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self._drain_bytes_left is not None or self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self._waiting:
            self._start(self._waiting.popleft())
        elif self._head_open:
            self._arm_head_timer()
        else:
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _exchange(self) -> Exchange:
        version = self.parser.get_http_version()
        raw_path, _, query = self.url.partition(b"?")
        scope: Any = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": version,
            "method": self.parser.get_method().decode("ascii"),
            "scheme": self.scheme,
            "path": raw_path.decode("latin-1"),
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": self.headers,
            "server": self.server,
            "client": self.client,
        }
        keep_alive = version != "1.0" and self.parser.should_keep_alive() and not self.parser.should_upgrade()
        return Exchange(self, scope, keep_alive=keep_alive, expects=self.expect_100_continue and version != "1.0")

    def _start(self, exchange: Exchange) -> None:
        self._current = exchange
        self._start_asgi_task(exchange, self.app)  # type: ignore[arg-type]

    # Limits.

    def _count(self, size: int) -> None:
        self._fields_bytes += size
        if self._fields_bytes > self.options.head_bytes_max:
            raise Refused("head", self._head_too_large())

    def _watch_head(self, received_bytes: int) -> None:
        """After each piece of input: either a head is complete and being answered, or its clock runs."""
        idle = self._current is None or self._current.response_complete
        if not (self._head_open or idle):
            self._drop_head_timer()
            return
        if self.transport.is_closing() or self._drain_bytes_left is not None:
            return
        self._head_bytes += received_bytes
        if self._head_bytes > self.options.head_bytes_max * 2:  # one piece may hold the end of the body before it
            self._refuse("head", self._head_too_large())
        else:
            self._arm_head_timer()

    def _head_too_large(self) -> InvalidInput:
        return InvalidInput(
            f"the head of the request (path, query and headers) is over {self.options.head_bytes_max} bytes: shorten it"
        )

    def _arm_head_timer(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.options.head_seconds_max, self._head_late)

    def _drop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_late(self) -> None:
        self._head_timer = None
        if self._head_open:
            seconds = self.options.head_seconds_max
            self._refuse(
                "slow head", InvalidInput(f"the head of the request was not complete after {seconds:g} seconds")
            )
        elif self._current is None or self._current.response_complete:
            self.transport.close()

    def _refuse(self, reason: str, error: HoldfastError) -> None:
        """Answer `error` and close; if an earlier request is still being answered, close after that answer instead."""
        self._metrics.refused_connection(reason)
        self.log.info("refused", reason=reason, client=self.client, message=error.message)
        exchange = self._current
        if exchange is not None and not exchange.response_complete:
            self._waiting.clear()
            self._drain_bytes_left = self.options.drain_bytes_max  # the parser has lost its place: hear no more
            exchange.fail(UnreadableBody(error.message))
            return
        answer = refusal(error)
        lines = [STATUS_LINE[answer.status]]
        for name, value in (*self.server_state.default_headers, *answer.headers):
            lines += (name, b": ", value, b"\r\n")
        self.transport.write(b"".join([*lines, b"\r\n", answer.body]))
        self.end(unread=True)

    def _cut_off(self, reason: str) -> None:
        self._metrics.refused_connection(reason)
        self.log.info("refused", reason=reason, client=self.client)
        self.transport.abort()
