"""A request's head and a response as plain values, between any HTTP server and the codec."""

from dataclasses import dataclass, field

Buffer = bytes | bytearray | memoryview

EARLY_ANSWER_CLOSES = (b"x-holdfast-early-answer", b"close")
"""The header by which a client that expects 100-continue promises: a final answer instead ends its connection."""


@dataclass(frozen=True, slots=True)
class RequestHead:
    """Everything of a request but its body, undecoded.

    `raw_path` is the path as sent, without the query; `raw_query` is what follows the first '?', or empty. Header names
    are lower case, values stripped of surrounding white space, in the order received; a name may come more than once.
    """

    method: str
    raw_path: bytes
    raw_query: bytes
    headers: tuple[tuple[bytes, bytes], ...]

    def header(self, name: bytes) -> bytes | None:
        """The first value of header `name` (lower case), or None."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def header_values(self, name: bytes) -> list[bytes]:
        """All values of header `name` (lower case), in order."""
        return [value for key, value in self.headers if key == name]


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer. `body` is sent in one piece with its Content-Length."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: Buffer = field(default=b"", repr=False)
