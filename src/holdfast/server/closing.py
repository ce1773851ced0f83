"""The answer that a connection gets when it is refused below the gateway, in the same form as every other error."""

import uuid

from holdfast.model.errors import HoldfastError
from holdfast.wire.faults import fault
from holdfast.wire.message import Response


def refusal(error: HoldfastError) -> Response:
    """`error` as a whole answer with its own request id and length, after which the connection is closed."""
    response = fault(None, error)
    identity = str(uuid.uuid4()).encode("ascii")
    length = str(len(response.body)).encode("ascii")
    headers = (
        (b"x-amzn-requestid", identity),
        *response.headers,
        (b"content-length", length),
        (b"connection", b"close"),
    )
    return Response(response.status, headers, response.body)
