"""The order of things, on one screen: who is asking, for what, with which parameters; then the operation's handler.

Synchronous and without sockets: the HTTP server and the agent's own in-process service drive the same `Gateway`, in up
to three steps: `admit` reads the head and touches nothing that can wait; `early` may answer before the body; `answer`
takes the body and does the work. `refuse` ends a request whose body could not be read. Each step may give the final
answer; none of them raises. What always holds: nothing is routed before its signature is confirmed, no handler runs
without a confirmed `Caller`, and every limit that the head can break is checked before the body is read.
"""

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from holdfast.access.authenticate import Authenticator, Caller, Claim, body_hash, check_body
from holdfast.model.errors import Damaged, Denied, HoldfastError, Internal, InvalidInput
from holdfast.model.limits import JSON_BODY_BYTES_MAX
from holdfast.observe.logs import Logger, request_id
from holdfast.observe.metrics import Metrics
from holdfast.server import trace
from holdfast.server.body_limits import LENGTH_MEMBER, BodyLimits, check_body_length, content_length
from holdfast.wire.faults import fault
from holdfast.wire.message import Buffer, RequestHead, Response
from holdfast.wire.parse import parse_body, parse_head
from holdfast.wire.route import Router
from holdfast.wire.serialize import serialize
from holdfast.wire.specs import Operation

Handler = Callable[[Caller, dict[str, object]], Mapping[str, object]]
EarlyHandler = Callable[[Caller, dict[str, object]], Mapping[str, object] | None]

MESSAGE_CHARACTERS_MAX = 500
_EMPTY_HASH = body_hash(b"")


@dataclass(frozen=True, slots=True)
class Origin:
    """What is known of every request, whatever becomes of it."""

    request_id: str
    head: RequestHead
    client: str | None
    """The client's address."""
    started: float
    """`time.perf_counter()` when the head was complete."""


@dataclass(slots=True)
class Admitted:
    """A request whose head is accepted as far as a head can be; belongs to one request and one thread at a time."""

    origin: Origin
    claim: Claim
    content_length: int | None
    """Declared length of the body in bytes; None for chunked transfer."""
    body_bytes_max: int = JSON_BODY_BYTES_MAX
    """The most that may be read of the body."""
    answer_bytes_max: int = 0
    """Room that the answer may need, 0 where it is too small to count."""
    caller: Caller | None = None
    """None until confirmed: the signature covers a body that has not been read."""
    operation: Operation | None = None
    params: dict[str, object] = field(default_factory=dict)
    made: dict[str, object] = field(default_factory=dict)
    """What the answer names of what it acted on."""

    @property
    def head(self) -> RequestHead:
        return self.origin.head

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for a word before it sends the body."""
        return (self.head.header(b"expect") or b"").lower() == b"100-continue"


class Gateway:
    """Answers requests with the handlers of the planes; knows operations by name only."""

    def __init__(
        self,
        router: Router,
        authenticator: Authenticator,
        handlers: Mapping[str, Handler],
        early: Mapping[str, EarlyHandler],
        limits: BodyLimits,
        metrics: Metrics,
        log: Logger,
    ) -> None:
        self._router = router
        self._authenticator = authenticator
        self._handlers = handlers
        self._early = early
        self._metrics = metrics
        self._log = log.bind(part="gateway")
        self.limits = limits

    def admit(self, head: RequestHead, client: str | None = None) -> Admitted | Response:
        """The request, ready for its body, or the final answer. Does no I/O and never waits.

        `client` is the address that the log shows.
        """
        admitted: Admitted | None = None
        origin = Origin(str(uuid.uuid4()), head, client, time.perf_counter())
        try:
            claim = self._authenticator.claim(head)
            admitted = Admitted(origin, claim, content_length(head))
            if head.header_values(b"content-encoding") not in ([], [b"identity"], [b""]):
                raise InvalidInput("Content-Encoding is not supported: send the body as it is")
            if claim.payload_hash is not None:
                self._enter(admitted, claim.payload_hash)
            elif admitted.content_length == 0:
                self._enter(admitted, _EMPTY_HASH)
            elif (admitted.content_length or 0) > JSON_BODY_BYTES_MAX:
                raise InvalidInput(
                    f"Content-Length is {admitted.content_length} without x-amz-content-sha256: a body of more than"
                    f" {JSON_BODY_BYTES_MAX} bytes needs that header"
                )
        except Exception as error:  # noqa: BLE001 - every error becomes an answer here, and only here
            return self._fail(origin, admitted, error, 0)
        return admitted

    def early(self, admitted: Admitted) -> Response | None:
        """The answer to a request that expects 100-continue, if its body is not needed; else None. May wait for I/O."""
        operation, caller = admitted.operation, admitted.caller
        if operation is None or caller is None:
            return None
        handler = self._early.get(operation.name)
        if handler is None:
            return None
        token = request_id.set(admitted.origin.request_id)
        try:
            result = handler(caller, admitted.params)
            if result is None:
                return None
            response = serialize(operation, result)
        except Exception as error:  # noqa: BLE001 - as in admit
            return self._fail(admitted.origin, admitted, error, 0)
        finally:
            request_id.reset(token)
        self._metrics.early_answer()
        return self._finish(admitted.origin, admitted, response, 0)

    def wants_early(self, admitted: Admitted) -> bool:
        """Whether `early` has anything to say about this request; costs nothing to ask."""
        return admitted.operation is not None and admitted.operation.name in self._early and admitted.expects_continue

    def answer(self, admitted: Admitted, body: Buffer) -> Response:
        """The final answer. Blocks until what it acknowledges is durable."""
        token = request_id.set(admitted.origin.request_id)
        try:
            response = self._answer(admitted, body)
        except Exception as error:  # noqa: BLE001 - as in admit
            return self._fail(admitted.origin, admitted, error, len(body))
        finally:
            request_id.reset(token)
        return self._finish(admitted.origin, admitted, response, len(body))

    def refuse(self, admitted: Admitted, error: HoldfastError, received_bytes: int = 0) -> Response:
        """The answer to a request whose body could not be read."""
        return self._fail(admitted.origin, admitted, error, received_bytes)

    def _enter(self, admitted: Admitted, payload_hash: str) -> None:
        """Confirm the signature, then find the operation and check everything that the head says."""
        head, claim = admitted.head, admitted.claim
        admitted.caller = self._authenticator.confirm(claim, head, payload_hash)
        routed = self._router.route(head, claim.signing_name)
        operation = admitted.operation = routed.operation
        if claim.payload_unsigned and not operation.unsigned_payload:
            raise Denied(f"{operation.name} must be signed with the SHA-256 of its body, not with UNSIGNED-PAYLOAD")
        admitted.params = parse_head(operation, routed.labels, head)
        if claim.payload_unsigned:
            self.limits.require_declared(operation, admitted.params, admitted.content_length)
        admitted.body_bytes_max = self.limits.check_lengths(operation, admitted.params, admitted.content_length)
        admitted.answer_bytes_max = self.limits.answer_bytes_max(operation)

    def _answer(self, admitted: Admitted, body: Buffer) -> Response:
        if admitted.caller is None:
            self._enter(admitted, body_hash(body))
        operation, caller, params = admitted.operation, admitted.caller, admitted.params
        assert operation is not None
        assert caller is not None
        check_body(admitted.claim, body)
        member = LENGTH_MEMBER.get(operation.name)
        if member is not None and isinstance(promised := params.get(member), int):
            check_body_length(member, promised, len(body))
        parse_body(operation, params, body)
        result = self._handlers[operation.name](caller, params)
        admitted.made = trace.resources(result)
        return serialize(operation, result)

    def _fail(self, origin: Origin, admitted: Admitted | None, error: Exception, received_bytes: int) -> Response:
        operation = admitted.operation if admitted is not None else None
        if isinstance(error, Damaged):
            name = operation and operation.name
            self._log.error("damaged", request_id=origin.request_id, operation=name, reason=error.message)
        elif not isinstance(error, HoldfastError) or isinstance(error, Internal):
            self._log.error(
                "defect", request_id=origin.request_id, operation=operation and operation.name, exc_info=error
            )
        signing_name = admitted.claim.signing_name if admitted is not None else None
        response = fault(operation, error, signing_name=signing_name)
        return self._finish(origin, admitted, response, received_bytes, error)

    def _finish(
        self,
        origin: Origin,
        admitted: Admitted | None,
        response: Response,
        received_bytes: int,
        error: Exception | None = None,
    ) -> Response:
        """The response with its id, counted and logged."""
        identity, seconds = origin.request_id, time.perf_counter() - origin.started
        operation = admitted.operation.name if admitted is not None and admitted.operation is not None else None
        sent_bytes = len(response.body)
        self._metrics.request(operation or "none", response.status, seconds, received_bytes, sent_bytes)
        facts: dict[str, object] = {}
        caller = admitted.caller.access_key_id if admitted is not None and admitted.caller is not None else None
        if caller is None:
            facts["claimed"] = trace.claimed_key(origin.head)
        if operation is not None and admitted is not None:
            acted_on = {**admitted.made, **trace.resources(admitted.params)}
        else:
            acted_on = {}
        if not acted_on and (guess := self._router.guess(origin.head)) is not None:
            operation = operation or guess[0]
            acted_on = trace.resources(trace.labels(guess[1]))
        if acted_on:
            facts["on"] = acted_on
        if error is not None:
            facts["error"] = type(error).__name__
            facts["message"] = trace.shown(str(error), MESSAGE_CHARACTERS_MAX)
        self._log.info(
            "request",
            request_id=identity,
            operation=operation or "none",
            status=response.status,
            client=origin.client,
            caller=caller,
            ms=round(seconds * 1000, 3),
            received=received_bytes,
            sent=sent_bytes,
            **facts,
        )
        headers = ((b"x-amzn-requestid", identity.encode("ascii")), *response.headers)
        return Response(response.status, headers, response.body)
