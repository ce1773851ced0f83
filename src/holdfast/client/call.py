"""One call: sign, send, judge the answer, try again where that can help.

What always holds: what comes out is a 2xx answer or an error of model/errors. A `CallerError`, or damage, is never
tried again; any other error is (what the service calls its own defect once, the rest several times), after a wait that
doubles, with jitter, or after the wait that the service asked for. Each attempt is signed again, so that a long wait
does not outlive the clock window. Every operation of the agent may be repeated safely: that is the service's promise
(idempotent uploads, completions and commits).
"""

import hashlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from holdfast.client.faults import error_of, retry_after_ms
from holdfast.client.transport import Body, ClientReply, ClientRequest, Transport, body_parts
from holdfast.model.clock import Clock, SystemClock
from holdfast.model.errors import CallerError, Damaged, HoldfastError, Internal, Transient
from holdfast.sigv4.sign import sign
from holdfast.sigv4.signature import EMPTY_SHA256, UNSIGNED_PAYLOAD

ATTEMPTS_MAX = 6
WAIT_SECONDS_MIN = 0.1
WAIT_SECONDS_MAX = 5.0

_json = msgspec.json.Encoder()
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What requests are signed with."""

    access_key_id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


class Requester:
    """Calls the service with one set of credentials; shared by threads.

    `sleep` takes seconds, `jitter` gives numbers in [0, 1).
    """

    def __init__(
        self,
        transport: Transport,
        credentials: Credentials,
        *,
        region: str = "us-east-1",
        base_path: bytes = b"",
        clock: Clock | None = None,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        attempts_max: int = ATTEMPTS_MAX,
    ) -> None:
        self._transport = transport
        self._credentials = credentials
        self._region = region
        self._base_path = base_path
        self._clock = clock or SystemClock()
        self._sleep = sleep
        self._jitter = jitter
        self._attempts_max = attempts_max
        self._host = (b"host", transport.host)

    def storage(
        self,
        method: str,
        path: bytes,
        query: bytes = b"",
        *,
        json: object = None,
        body: Body = b"",
        signed: bool = True,
        expect: bool = False,
        check: Callable[[ClientReply], None] | None = None,
    ) -> ClientReply:
        """Call an operation signed for `backup-storage`. With `json` (not None) that is the body, else `body`.

        `signed` says whether the signature covers the body (False for the streaming operations of the model). `check`
        may refuse an answer by raising Transient, which is then tried again.
        """
        return self._call("backup-storage", method, path, query, json, body, signed, expect, check)

    def backup(self, method: str, path: bytes, query: bytes = b"", *, json: object = None) -> ClientReply:
        """Call an operation signed for `backup`."""
        return self._call("backup", method, path, query, json, b"", True, False, None)

    def _call(
        self,
        service: str,
        method: str,
        path: bytes,
        query: bytes,
        json: object,
        body: Body,
        signed: bool,
        expect: bool,
        check: Callable[[ClientReply], None] | None,
    ) -> ClientReply:
        headers = [self._host]
        if json is not None:
            body = _json.encode(json)
            headers.append((b"content-type", b"application/json"))
        payload_hash = _payload_hash(body) if signed else UNSIGNED_PAYLOAD
        path = self._base_path + path
        attempt = 0
        while True:
            attempt += 1
            asked_ms: int | None = None
            try:
                reply = self._send(service, method, path, query, headers, body, payload_hash, expect)
                if reply.status < 300:
                    if check is not None:
                        check(reply)
                    return reply
                asked_ms = retry_after_ms(reply)
                raise error_of(reply)
            except (CallerError, Damaged):
                raise  # what is damaged stays so until it is sent again
            except HoldfastError as failed:
                # Defects of the service seldom pass: one more attempt will do.
                if attempt >= (min(2, self._attempts_max) if isinstance(failed, Internal) else self._attempts_max):
                    raise
            self._wait(attempt, asked_ms)

    def _send(
        self,
        service: str,
        method: str,
        path: bytes,
        query: bytes,
        headers: list[tuple[bytes, bytes]],
        body: Body,
        payload_hash: str,
        expect: bool,
    ) -> ClientReply:
        who = self._credentials
        signature = sign(
            method,
            path,
            query,
            headers,
            payload_hash,
            who.access_key_id,
            who.secret,
            who.token,
            self._region,
            service,
            self._clock.now_us(),
        )
        request = ClientRequest(method, path, query, (*headers, *signature), body)
        return self._transport.send(request, expect=expect)

    def _wait(self, attempt: int, asked_ms: int | None) -> None:
        if asked_ms is not None:
            # Spread over a further quarter, or all who were turned away return in the same moment.
            self._sleep(asked_ms / 1000 * (1 + self._jitter() / 4))
            return
        ceiling = min(WAIT_SECONDS_MAX, WAIT_SECONDS_MIN * 2.0 ** (attempt - 1))
        self._sleep(ceiling * (0.5 + self._jitter() / 2))


def decode(decoder: msgspec.json.Decoder[T], reply: ClientReply) -> T:
    """The JSON body of an answer. Raises Transient if it is not what the operation answers."""
    try:
        return decoder.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as malformed:
        raise Transient(f"the endpoint's answer cannot be read: {malformed}; is it a Holdfast service?") from malformed


def _payload_hash(body: Body) -> str:
    parts = body_parts(body)
    if not parts or (len(parts) == 1 and not len(parts[0])):
        return EMPTY_SHA256
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part)
    return whole.hexdigest()
