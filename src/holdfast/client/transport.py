"""How a request travels: one verb, over HTTP or inside the process.

A transport moves one signed request and one answer. It knows nothing of operations, signing or retries, and it raises
only `Transient` (a connection broke; nothing is known about the request's fate) or `Unavailable` (nobody answers).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from holdfast.wire.message import Buffer

Body = Buffer | Sequence[Buffer]
"""One buffer, or several that travel one after the other; buffers are sent as they are and never copied."""


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """A request as it travels. Header names are lower case; `host` is among them, `content-length` is not."""

    method: str
    raw_path: bytes
    raw_query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: Body = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class ClientReply:
    """A whole answer: the body is complete, as its Content-Length said. Header names are lower case."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: Buffer = field(default=b"", repr=False)
    body_sent: bool = True
    """False if the answer came from the head alone: the request's body never travelled."""

    def header(self, name: bytes) -> bytes | None:
        """The first value of header `name` (lower case), or None."""
        for key, value in self.headers:
            if key == name:
                return value
        return None


class Transport(Protocol):
    """Moves requests; safe to use from many threads at once."""

    @property
    def host(self) -> bytes:
        """The value of the `host` header of every request."""
        ...

    def send(self, request: ClientRequest, *, expect: bool = False) -> ClientReply:
        """The answer to `request`, of whatever status.

        With `expect`, a server that can answer from the head alone does so before the body is sent, and the body is
        then never sent.
        """
        ...

    def close(self) -> None:
        """Give back every connection; the transport is not used again."""
        ...


def body_parts(body: Body) -> Sequence[Buffer]:
    """The buffers of a body, in order."""
    return (body,) if isinstance(body, bytes | bytearray | memoryview) else body


def body_bytes(body: Body) -> int:
    """The length of a body in bytes."""
    if isinstance(body, memoryview):
        return body.nbytes
    if isinstance(body, bytes | bytearray):
        return len(body)
    return sum(body_bytes(part) for part in body)
