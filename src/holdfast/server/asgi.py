"""Carries bodies between the protocol and the gateway, within a budget of memory and time; the one bridge to threads.

What always holds: a body takes its room in the budget before it is read (a client that waits is told so by TCP) and
keeps it until its answer is durable; an answer that carries stored data takes room before it is made and keeps it until
it is sent. Bodies too small to matter are bounded by the number of connections instead. A body must come within a time
that follows from its size, so that nobody holds a budget by sending slowly; bodies of callers not yet confirmed have a
small budget of their own, so that strangers cannot keep customers waiting.
"""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar, cast

from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

from holdfast.model.errors import HoldfastError, InvalidInput, Transient, Unavailable, UnreadableBody
from holdfast.model.limits import BODY_IDLE_SECONDS_MAX, KIB, MIB
from holdfast.model.networks import Networks, site_of
from holdfast.observe.metrics import Metrics
from holdfast.server.budget import ByteBudget, Pressure, Room
from holdfast.server.early import may_answer_early
from holdfast.server.exchange import CARRIER, PROVEN, Exchange
from holdfast.server.gateway import Admitted, Gateway
from holdfast.server.health import Health
from holdfast.server.scope import EXPECT_AS_WRITTEN
from holdfast.server.trace import client_address
from holdfast.wire.message import Buffer, RequestHead, Response

UNCOUNTED_BYTES_MAX = 64 * KIB
"""Bodies up to this size take no room in a budget."""
UNPROVEN_BUDGET_BYTES = 4 * MIB
UNPROVEN_SECONDS_MAX = 15
READ_AWAY_BYTES_MAX = 16 * MIB
"""What is read and thrown away of a body before the answer that refuses it."""
READ_AWAY_SECONDS_MAX = 15
READ_AWAY_IDLE_SECONDS_MAX = 2
_LENGTH_DIGITS_MAX = 18

_GIVES_WAY = Unavailable("the body came too slowly while others waited for its memory: try again, or send less")

NO_NETWORKS = Networks()

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class BodyOptions:
    """What all bodies in flight may take together."""

    body_budget_bytes: int = 48 * MIB
    answer_budget_bytes: int = 48 * MIB
    room_seconds_max: float = 45
    """A request that waits longer for room is answered 503, before its client's own 60 seconds are over."""
    body_seconds_base: float = BODY_IDLE_SECONDS_MAX
    body_rate_min: int = 64 * KIB
    """Bytes per second that a body must keep up, beyond the base; and that an answer must be read at."""
    answer_seconds_base: float = BODY_IDLE_SECONDS_MAX
    pressure: Pressure = field(default_factory=Pressure)


class Face:
    """The ASGI application. Belongs to one event loop."""

    def __init__(
        self,
        gateway: Gateway,
        health: Health,
        threads: Executor,
        options: BodyOptions,
        metrics: Metrics,
        trusted_proxies: Networks = NO_NETWORKS,
    ) -> None:
        """`trusted_proxies` are believed what they say of the client's address."""
        self._trusted_proxies = trusted_proxies
        self._gateway = gateway
        self._health = health
        self._threads = threads
        self._options = options
        largest = gateway.limits.largest
        self._bodies = ByteBudget(max(options.body_budget_bytes, largest), options.pressure)
        self._answers = ByteBudget(max(options.answer_budget_bytes, largest), options.pressure)
        self._unproven = ByteBudget(UNPROVEN_BUDGET_BYTES)
        metrics.watch("holdfast_body_room_bytes", "Memory taken by bodies", lambda: self._bodies.bytes_taken)
        metrics.watch("holdfast_answer_room_bytes", "Memory taken by answers", lambda: self._answers.bytes_taken)
        metrics.watch("holdfast_bodies_in_flight", "Bodies that hold memory", lambda: self._bodies.holders)

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"this is an HTTP service, not one for {scope['type']}")
        head = RequestHead(scope["method"], scope["raw_path"], scope["query_string"], tuple(scope["headers"]))
        client = scope["client"]
        address = client_address(client[0] if client else None, head, self._trusted_proxies)
        admitted = self._health.answer(head) or self._gateway.admit(head, address)
        written = cast("dict[str, Any]", scope)[EXPECT_AS_WRITTEN]
        may_be_early = may_answer_early(head, scope["server"], scope["scheme"], written)
        if isinstance(admitted, Response):
            await _read_away(head, receive, may_be_early)
            await reply(send, admitted)
            return
        if may_be_early and self._gateway.wants_early(admitted):
            early = await self._in_thread(partial(self._gateway.early, admitted))
            if early is not None:
                await reply(send, early)
                return
        carrier: Exchange = cast("dict[str, Any]", scope)[CARRIER]
        room = Room(self._answers, self._options.room_seconds_max, site_of(address or ""))
        try:
            response = await self._answer(admitted, receive, room, may_be_early, carrier)
            if admitted.caller is not None:
                cast("dict[str, object]", scope)[PROVEN] = True
            if response is not None:
                await self._send(send, response, room, carrier)
        finally:
            room.leave()

    async def _answer(
        self,
        admitted: Admitted,
        receive: ASGIReceiveCallable,
        answer_room: Room,
        may_be_early: bool,
        carrier: Exchange,
    ) -> Response | None:
        """The answer, which holds `answer_room`; None if the client is gone."""
        size = admitted.body_bytes_max if admitted.content_length is None else admitted.content_length
        budget = self._unproven if admitted.caller is None else self._bodies
        body_room = Room(budget, self._options.room_seconds_max, answer_room.owner)
        try:
            if size > UNCOUNTED_BYTES_MAX:
                await body_room.enter(size)
            body_room.moving(lambda: carrier.received_bytes, lambda: carrier.fail(_GIVES_WAY))
            body = await self._read(admitted, receive, size)
            body_room.moved()
            if body is None:
                return None
            if admitted.answer_bytes_max:
                await answer_room.enter(admitted.answer_bytes_max)
            response = await self._in_thread(partial(self._gateway.answer, admitted, body))
            if admitted.answer_bytes_max:
                answer_room.shrink(len(response.body))
        except HoldfastError as error:
            body_room.leave()
            if not isinstance(error, UnreadableBody):
                await _read_away(admitted.head, receive, may_be_early)
            return self._gateway.refuse(admitted, error)
        finally:
            body_room.leave()
        return response

    async def _read(self, admitted: Admitted, receive: ASGIReceiveCallable, size: int) -> Buffer | None:
        """The whole body, or None if the client is gone. Raises UnreadableBody, InvalidInput or Transient."""
        if size == 0:
            return b""
        seconds: float = UNPROVEN_SECONDS_MAX
        if admitted.caller is not None:
            seconds = self._options.body_seconds_base + size / self._options.body_rate_min
        try:
            async with asyncio.timeout(seconds):
                return await _collect(receive, admitted.content_length, admitted.body_bytes_max)
        except TimeoutError as slow:
            raise UnreadableBody(
                f"the body was not complete after {seconds:.0f} seconds: send it faster, or less at once"
            ) from slow
        except MemoryError as full:
            raise Transient("there was no memory to read the body: send the request again") from full

    async def _send(self, send: ASGISendCallable, response: Response, room: Room, carrier: Exchange) -> None:
        """The answer, at a least rate; a client that reads too slowly is cut off and may ask again."""
        size = len(response.body)
        if size <= UNCOUNTED_BYTES_MAX:
            await reply(send, response)
            return
        room.moving(carrier.read_bytes, lambda: carrier.cut("slow reader, others wait"))
        try:
            async with asyncio.timeout(self._options.answer_seconds_base + size / self._options.body_rate_min):
                await reply(send, response)
        except TimeoutError:
            carrier.cut("slow reader")

    async def _in_thread(self, work: Callable[[], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


async def _collect(receive: ASGIReceiveCallable, declared: int | None, bytes_max: int) -> Buffer | None:
    """All pieces of a body as one buffer: filled in place where the length is known, else grown."""
    message: Any = await receive()
    if message["type"] == "http.request" and not message["more_body"] and len(message["body"]) <= bytes_max:
        return cast("bytes", message["body"])
    buffer = bytearray(declared or 0)
    filled = 0
    while message["type"] == "http.request":
        piece = message["body"]
        end = filled + len(piece)
        if end > bytes_max:
            raise InvalidInput(f"the body is longer than {bytes_max} bytes, which is what its head allows: send less")
        if declared is None:
            buffer += piece
        else:
            buffer[filled:end] = piece
        filled = end
        if not message["more_body"]:
            return buffer
        message = await receive()
    return None


async def _read_away(head: RequestHead, receive: ASGIReceiveCallable, may_be_early: bool) -> None:
    """Read to its end a body that has no use, and throw it away, so that its answer comes after it.

    An answer in the middle of a body costs the connection, and behind a proxy it may be lost or hang the next request.
    A client that waits for leave is asked for its body unless it may be answered early: a proxy in between would wait
    for that body for ever. Where the body is known to be longer than we read, the answer is as good now as later.
    """
    expects = head.header(b"expect") is not None
    length = head.header(b"content-length") or b""
    if length in (b"", b"0") and head.header(b"transfer-encoding") is None:
        return
    is_long = length.isdigit() and int(length[:_LENGTH_DIGITS_MAX]) > READ_AWAY_BYTES_MAX
    if (expects and may_be_early) or (is_long and not expects):
        return
    with contextlib.suppress(HoldfastError, TimeoutError):
        async with asyncio.timeout(READ_AWAY_SECONDS_MAX):
            left = READ_AWAY_BYTES_MAX
            while left > 0:
                async with asyncio.timeout(READ_AWAY_IDLE_SECONDS_MAX):
                    message = cast("Any", await receive())
                left -= len(message.get("body", b""))
                if not message.get("more_body"):
                    return


async def reply(send: ASGISendCallable, response: Response) -> None:
    """Send the whole answer."""
    length = (b"content-length", str(len(response.body)).encode("ascii"))
    await send({"type": "http.response.start", "status": response.status, "headers": (*response.headers, length)})
    await send({"type": "http.response.body", "body": cast("bytes", response.body), "more_body": False})
