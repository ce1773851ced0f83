"""The service inside the caller's own process: the client's transport, straight into a gateway, without a socket.

The same requests, signatures, checks and answers as over HTTP; only the bytes do not travel.
"""

from dataclasses import replace

from holdfast.client.transport import ClientReply, ClientRequest, body_bytes, body_parts
from holdfast.server.gateway import Gateway
from holdfast.wire.message import Buffer, RequestHead, Response

HOST = b"in-process.holdfast"


class InProcessTransport:
    """Fulfils `client.transport.Transport`. The work is done in the calling thread."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    @property
    def host(self) -> bytes:
        return HOST

    def send(self, request: ClientRequest, *, expect: bool = False) -> ClientReply:
        """The gateway's answer. With `expect`, a chunk that is known is answered from the head alone."""
        length = (b"content-length", str(body_bytes(request.body)).encode("ascii"))
        extra = (length, (b"expect", b"100-continue")) if expect else (length,)
        head = RequestHead(request.method, request.raw_path, request.raw_query, (*request.headers, *extra))
        admitted = self._gateway.admit(head)
        if isinstance(admitted, Response):
            return _reply(admitted)
        if self._gateway.wants_early(admitted):
            early = self._gateway.early(admitted)
            if early is not None:
                return replace(_reply(early), body_sent=False)
        return _reply(self._gateway.answer(admitted, _whole(request)))

    def close(self) -> None:
        """Nothing is held here; the service belongs to whoever built it."""


def _whole(request: ClientRequest) -> Buffer:
    parts = body_parts(request.body)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _reply(response: Response) -> ClientReply:
    return ClientReply(response.status, response.headers, response.body)
