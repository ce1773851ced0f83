"""A transport that is the service's own front half: it authenticates, routes and parses what our client sends.

Handlers are given by the test; what they return is serialised as the service would do it.
"""

from collections.abc import Callable, Mapping, Sequence

from holdfast.access.authenticate import Authenticator, body_hash, check_body
from holdfast.client.api import Api
from holdfast.client.call import Credentials
from holdfast.client.transport import ClientReply, ClientRequest, body_parts
from holdfast.wire import faults, parse, route, serialize, specs
from holdfast.wire.message import RequestHead
from tests.sigv4.signed_requests import KEY_ID, NOW_US, SECRET

Handler = Callable[[dict[str, object]], Mapping[str, object]]


class Noon:
    def now_us(self) -> int:
        return NOW_US


class CodecTransport:
    """Fulfils `Transport`. `seen` lists the (operation, parameters) of all requests, `expected` those with Expect."""

    host = b"127.0.0.1:9220"

    def __init__(self, handlers: Mapping[str, Handler], headers_lost: Sequence[bytes] = ()) -> None:
        """`headers_lost`: of each of the first answers, one header that does not arrive."""
        self._handlers = handlers
        self._headers_lost = list(headers_lost)
        self._router = route.Router(specs.load())
        self._door = Authenticator({KEY_ID: SECRET}.get, Noon())
        self.seen: list[tuple[str, dict[str, object]]] = []
        self.heads: list[RequestHead] = []
        self.expected: list[str] = []

    def send(self, request: ClientRequest, *, expect: bool = False) -> ClientReply:
        head = RequestHead(request.method, request.raw_path, request.raw_query, request.headers)
        body = b"".join(bytes(part) for part in body_parts(request.body))
        self.heads.append(head)
        operation = None
        try:
            claim = self._door.claim(head)
            operation, labels = self._routed(head, claim.signing_name)
            self._door.confirm(claim, head, claim.payload_hash or body_hash(body))
            assert claim.payload_unsigned == operation.unsigned_payload
            check_body(claim, body)
            params = parse.parse_head(operation, labels, head)
            parse.parse_body(operation, params, body)
            self.seen.append((operation.name, params))
            if expect:
                self.expected.append(operation.name)
            answer = serialize.serialize(operation, self._handlers[operation.name](params))
        except AssertionError:
            raise
        except Exception as error:  # noqa: BLE001 - as the service does: every error becomes an answer
            answer = faults.fault(operation, error)
        lost = self._headers_lost.pop(0) if self._headers_lost else None
        headers = tuple((name, value) for name, value in answer.headers if name != lost)
        return ClientReply(answer.status, headers, answer.body)

    def _routed(self, head: RequestHead, signing_name: str) -> tuple[specs.Operation, dict[str, str]]:
        routed = self._router.route(head, signing_name)
        return routed.operation, routed.labels

    def close(self) -> None:
        """Nothing is held."""


def api_over(transport: CodecTransport, slept: list[float] | None = None) -> Api:
    """An Api over `transport` that does not sleep but notes how long it would have."""
    waits = slept if slept is not None else []
    return Api(
        transport, Credentials(KEY_ID, SECRET), region="eu-west-1", clock=Noon(), sleep=waits.append, jitter=lambda: 0.5
    )
