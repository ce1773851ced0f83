"""uvicorn's HTTP/1.1 connection, with everything closed that it leaves open.

What uvicorn 0.54 does well stays: httptools' parser, flow control, keep-alive timer, drain on stop. What is added here,
measured against hostile peers: a head must be complete within a time and a size, also on a kept-alive connection;
transfer-encodings other than `chunked`, both framings at once and malformed requests are refused with a modelled error
in JSON; upgrades are ignored; a body is not read before it is wanted; who does not read an answer is cut off; after an
early answer the connection is drained a little before it is closed, or the client would see a reset instead of it.
"""

import asyncio
from collections import deque
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState

from holdfast.model.errors import HoldfastError, InvalidInput, Unavailable, UnreadableBody
from holdfast.model.limits import KIB
from holdfast.observe.logs import Logger
from holdfast.server.closing import refusal
from holdfast.server.connection_options import ConnectionOptions
from holdfast.server.exchange import PROVEN, Exchange
from holdfast.server.framing import BodyFraming
from holdfast.server.head_rules import Refused, check_head, check_header_count
from holdfast.server.head_watch import HeadWatch
from holdfast.server.refusals import Refusals
from holdfast.server.scope import scope_of
from holdfast.server.slots import Slot

HEALTH = b"/health/"
RESERVED_HEAD_SECONDS_MAX = 5.0
TLS_AHEAD_BYTES_MAX = 64 * KIB
"""What may have come of an encrypted stream before the application wants it."""
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
        refusals: Refusals,
        log: Logger,
        slot: Slot,
        app: Any = None,
    ) -> None:
        """`app` answers in place of the server's own application, for a port of another kind."""
        super().__init__(config, server_state, app_state, _loop)
        self.options = options
        self.log = log
        self._app = app or self.app
        self._refusals = refusals
        self._slot = slot
        reserved = slot.refusal is not None
        seconds = min(options.head_seconds_max, RESERVED_HEAD_SECONDS_MAX) if reserved else options.head_seconds_max
        self._head = HeadWatch(self.loop, options, seconds, self._head_late)
        self._current: Exchange | None = None
        self._parsed: Exchange | None = None
        self._waiting: deque[Exchange] = deque()
        self._write_timer: asyncio.TimerHandle | None = None
        self._end_timer: asyncio.TimerHandle | None = None
        self._framing: BodyFraming | None = None
        self._placed_bytes = 0
        """Of the piece being parsed: what was found to be a head's or a body's."""
        self._drain_bytes_left: int | None = None

    # The connection's life.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self.flow = FlowControl(transport)
        if self._slot.has_left:
            transport.abort()  # another has been given its place while it was opened
            return
        self.connections.add(self)
        self.server = get_local_addr(transport)
        self.client = get_remote_addr(transport)
        self.scheme = "https" if is_ssl(transport) else "http"
        if self.scheme == "https":
            transport.set_read_buffer_limits(TLS_AHEAD_BYTES_MAX)  # type: ignore[attr-defined]  # uvloop has it
        self._slot.evict = self._give_way
        self._head.arm()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._slot.leave()
        self._head.disarm()
        for timer in (self._write_timer, self._end_timer):
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

    @property
    def wants_much(self) -> bool:
        """Whether large pieces are of use."""
        exchange = self._parsed
        return (exchange is not None and exchange.wanted and exchange.more_body) or self._drain_bytes_left is not None

    def data_received(self, data: bytes | memoryview) -> None:
        if self._drain_bytes_left is not None:
            self._drain_bytes_left -= len(data)
            if self._drain_bytes_left < 0:
                self.transport.abort()
            return
        self._unset_keepalive_if_required()
        self._placed_bytes = 0
        try:
            self.parser.feed_data(data)
            self._after_piece(len(data))
        except httptools.HttpParserUpgrade:
            pass  # on_headers_complete let the request through as an ordinary one, its connection's last
        except httptools.HttpParserError as malformed:
            cause = malformed.__context__
            if isinstance(cause, Refused):
                self._refuse(cause.reason, cause.error)
            else:
                self._refuse("malformed", InvalidInput(f"this is not HTTP/1.1: {malformed}"))
        except Refused as refused:
            self._refuse(refused.reason, refused.error)

    def _after_piece(self, size: int) -> None:
        """What the parser cannot see: bytes that belong to no request, a body that comes before it is wanted."""
        self._head.after_piece(size, idle=self._current is None or self._current.response_complete)
        exchange = self._parsed
        if exchange is None or not exchange.more_body or self._drain_bytes_left is not None:
            return
        if self._framing is not None and size > self._placed_bytes:
            self._framing.beside(size - self._placed_bytes)
        if not exchange.wanted and not exchange.response_complete:
            # A body that came whole with its head costs no pause; of any other not a byte more is taken for now.
            self.flow.pause_reading()

    def pause_writing(self) -> None:
        super().pause_writing()
        seconds = self.options.write_idle_seconds_max
        self._write_timer = self.loop.call_later(seconds, self.cut_off, "unread answer")

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def end(self, *, unread: bool) -> None:
        """Close once the answer is out; with `unread` body bytes still coming, drain a little first."""
        seconds = self.options.drain_seconds_max
        self._head.disarm()
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
        self.expect_100_continue, self._expect = False, b""
        self.headers = []
        self._head.begin()

    def on_url(self, url: bytes) -> None:
        self.url += url
        self._head.field(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._head.open:
            return  # a trailer: nothing that a head did not say is listened to
        self._head.field(len(name) + len(value) + 4)
        written, name = name, name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue, self._expect = True, written
        self.headers.append((name, value.strip(b" \t")))
        check_header_count(len(self.headers))

    def on_headers_complete(self) -> None:
        self._head.complete()
        self._placed_bytes += self._head.fields_bytes
        is_chunked = check_head(self.url, self.headers, self.parser.get_http_version())
        if self._slot.refusal is not None and not self.url.startswith(HEALTH):
            raise Refused("connections", Unavailable(self._slot.refusal))
        exchange = self._exchange()
        self._framing = BodyFraming() if is_chunked else None
        self._parsed = exchange
        self.cycle = exchange  # type: ignore[assignment]
        if self._current is None or self._current.response_complete:
            self._start(exchange)
        elif len(self._waiting) < PIPELINED_MAX:
            self.flow.pause_reading()
            self._waiting.append(exchange)
        else:
            raise Refused("pipeline", InvalidInput(f"more than {PIPELINED_MAX} requests wait on this connection"))

    def on_chunk_header(self) -> None:
        if self._framing is not None:
            self._framing.chunk()

    def on_body(self, body: bytes) -> None:
        self._placed_bytes += len(body)
        if self._framing is not None:
            self._framing.body(len(body))
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
            return
        self._slot.is_proven |= self._current is not None and PROVEN in self._current.scope
        self._slot.wait()
        if self._head.open:
            self._head.arm()
        else:
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _exchange(self) -> Exchange:
        scope = scope_of(self.parser, self.url, self.headers, self.scheme, self.server, self.client, self._expect)
        version = scope["http_version"]
        keep_alive = version != "1.0" and self.parser.should_keep_alive() and not self.parser.should_upgrade()
        return Exchange(self, scope, keep_alive=keep_alive, expects=self.expect_100_continue and version != "1.0")

    def _start(self, exchange: Exchange) -> None:
        self._current = exchange
        self._slot.work()
        self._start_asgi_task(exchange, self._app)  # type: ignore[arg-type]

    # Limits.

    def _head_late(self) -> None:
        if self._head.open:
            self._refuse("slow head", self._head.overdue())
        elif self._current is None or self._current.response_complete:
            self.transport.close()

    def _refuse(self, reason: str, error: HoldfastError) -> None:
        """Answer `error` and close; if an earlier request is still being answered, close after that answer instead."""
        self._refusals.note(reason, self._slot.address, error.message)
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

    def cut_off(self, reason: str) -> None:
        """Close at once."""
        self._refusals.note(reason, self._slot.address)
        self.transport.abort()

    def _give_way(self) -> None:
        """Another connection needs the place of this one, which waits for a request."""
        (self.transport.close if self._slot.is_proven else self.transport.abort)()
