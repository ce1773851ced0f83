"""One request and its answer on a connection: the two ends (`receive`, `send`) that ASGI gives an application.

It stands where uvicorn's RequestResponseCycle stands and differs in what matters for large bodies and hostile peers: a
piece of a body is handed on without copying, a body that stops coming is an error after a while, an answer leaves in
slices so that a slow reader holds one slice and not the whole, and an answer that comes before the end of the body says
`Connection: close`, since nobody can tell whether the rest is still to come.
"""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, cast

from uvicorn._types import ASGI3Application, ASGIReceiveEvent, ASGISendEvent, HTTPScope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from holdfast.model.errors import HoldfastError, Internal, UnreadableBody
from holdfast.model.limits import KIB
from holdfast.server.closing import refusal
from holdfast.server.sent import unacknowledged_bytes

if TYPE_CHECKING:
    from holdfast.server.protocol import HoldfastProtocol

READ_AHEAD_BYTES_MAX = 256 * KIB
"""Body bytes that may lie unread in one connection's queue before its client has to wait."""
SLICE_BYTES = 256 * KIB
"""What is handed to the transport at once of a large answer."""

CARRIER = "holdfast.carrier"
"""The exchange itself, in the scope of its request: for who bounds how slowly bytes may travel."""
PROVEN = "holdfast.proven"
"""The application adds this to the scope of a request whose signature it has confirmed."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Exchange:
    """Belongs to one connection (`HoldfastProtocol`), which feeds it the body and carries its answer."""

    def __init__(self, protocol: "HoldfastProtocol", scope: HTTPScope, *, keep_alive: bool, expects: bool) -> None:
        self._protocol = protocol
        self._transport = protocol.transport
        self._flow = protocol.flow
        self.scope = scope
        self.keep_alive = keep_alive
        self._continue_due = expects
        self.disconnected = False
        self.more_body = True
        self.message_event = asyncio.Event()
        self.response_started = False
        self.response_complete = False
        self.received_bytes = 0
        """Of the body."""
        self._sent_bytes = 0
        self.wanted = False
        """Whether the application has asked for the body."""
        self._pieces: deque[bytes] = deque()
        self._unread_bytes = 0
        self._broken: HoldfastError | None = None
        self._head = b""
        self._silent = scope["method"] == "HEAD"

    # What the connection tells.

    def feed(self, piece: bytes) -> None:
        """A piece of the body came."""
        if self.response_complete:
            return
        self._pieces.append(piece)
        self._unread_bytes += len(piece)
        self.received_bytes += len(piece)
        if self._unread_bytes > READ_AHEAD_BYTES_MAX:
            self._flow.pause_reading()
        self.message_event.set()

    def fail(self, error: HoldfastError) -> None:
        """The rest of the body will not come: who reads it gets `error`, and the answer is the connection's last."""
        self.keep_alive = False
        if self.more_body:
            self._broken = error
            self.message_event.set()

    def disconnect(self) -> None:
        """The client is gone."""
        self.disconnected = True
        self.message_event.set()

    # What the application calls.

    async def run_asgi(self, app: ASGI3Application) -> None:
        """Run the application; whatever it leaves open is closed."""
        try:
            cast("dict[str, object]", self.scope)[CARRIER] = self
            await app(cast("Any", self.scope), self.receive, self.send)
        except Exception as error:
            self._protocol.log.error("defect", exc_info=error)
            if not self.response_started:  # nothing may leave a client without an answer
                answer = refusal(Internal("an unexpected error; the service's log has the details"))
                await self.send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
                await self.send({"type": "http.response.body", "body": bytes(answer.body), "more_body": False})
        finally:
            cast("dict[str, object]", self.scope).pop(CARRIER, None)  # or they would hold each other
            if not (self.response_complete or self.disconnected):
                self._transport.abort()

    async def receive(self) -> ASGIReceiveEvent:
        """The next piece of the body. Raises what `fail` was given if it stopped coming or broke off."""
        self.wanted = True
        if self._continue_due:
            self._continue_due = False
            if not self._pieces and self.more_body and not self._transport.is_closing():
                self._transport.write(_CONTINUE)
        while not (self._pieces or self.disconnected or self.response_complete) and self.more_body:
            if self._broken is not None:
                raise self._broken
            self._flow.resume_reading()
            await self._wait()
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        piece = self._pieces.popleft() if self._pieces else b""
        self._unread_bytes -= len(piece)
        return {"type": "http.request", "body": piece, "more_body": self.more_body or bool(self._pieces)}

    async def send(self, message: ASGISendEvent) -> None:
        """The head of the answer, then its body, whole in one message. Returns when the last slice is on its way."""
        if self.disconnected:
            return
        if message["type"] == "http.response.start":
            self.response_started = True
            self._head = self._render_head(message["status"], message.get("headers", ()))
        elif message["type"] == "http.response.body":
            await self._write(b"" if self._silent else message.get("body", b""))
            if not message.get("more_body", False):
                self._finish()
        else:
            raise RuntimeError(f"an answer has no message {message['type']!r}")

    def read_bytes(self) -> int:
        """How much of the answer the client's side has acknowledged: buffers on this side do not count."""
        if self.disconnected:
            return self._sent_bytes
        return max(
            0, self._sent_bytes - self._transport.get_write_buffer_size() - unacknowledged_bytes(self._transport)
        )

    def cut(self, reason: str) -> None:
        """End the connection at once."""
        self._protocol.cut_off(reason)

    async def _wait(self) -> None:
        self.message_event.clear()
        seconds = self._protocol.options.body_idle_seconds_max
        stall = self._protocol.loop.call_later(seconds, self._stall, seconds)
        try:
            await self.message_event.wait()
        finally:
            stall.cancel()

    def _stall(self, seconds: float) -> None:
        self.fail(UnreadableBody(f"no byte of the body came for {seconds:g} seconds: send the request again"))

    def _render_head(self, status: int, headers: Any) -> bytes:
        if self.more_body:
            self.keep_alive = False
        lines = [STATUS_LINE[status]]
        count = 1
        for name, value in (*self._protocol.server_state.default_headers, *headers):
            if name == b"connection" and value == b"close":
                self.keep_alive = False
                continue
            lines += (name, b": ", value, b"\r\n")
            count += 1
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
            count += 1
        lines.append(b"\r\n")
        head = b"".join(lines)
        if head.count(b"\n") != count + 1 or head.count(b"\r") != count + 1 or b"\0" in head:
            raise RuntimeError("a header value of the answer has a line break or NUL")
        return head

    async def _write(self, body: bytes) -> None:
        head, self._head = self._head, b""
        if len(body) <= SLICE_BYTES // 4:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            whole = memoryview(body)
            for start in range(0, len(whole), SLICE_BYTES):
                self._sent_bytes = start + SLICE_BYTES
                self._transport.write(whole[start : start + SLICE_BYTES])
                if self._flow.write_paused:
                    await self._flow.drain()
                if self.disconnected:
                    return

    def _finish(self) -> None:
        if self.disconnected or self.response_complete:
            return
        self.response_complete = True
        self._pieces.clear()
        self.message_event.set()
        if not self.keep_alive:
            self._protocol.end(unread=self.more_body)
        self._protocol.on_response_complete()
