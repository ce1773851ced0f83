"""What a head must be beyond what httptools checks, before anyone looks at what it asks for."""

from collections.abc import Sequence

from holdfast.model.errors import HoldfastError, InvalidInput
from holdfast.model.limits import REQUEST_HEADERS_MAX


class Refused(Exception):
    """A head that is answered by closing its connection; `reason` is a fixed word for the metrics."""

    def __init__(self, reason: str, error: HoldfastError) -> None:
        super().__init__(reason)
        self.reason = reason
        self.error = error


def check_head(target: bytes, headers: Sequence[tuple[bytes, bytes]], version: str) -> bool:
    """Whether the body is chunked.

    Raises Refused: a target that is no path, too many headers, no Host or several (RFC 9112, 3.2), a framing of the
    body that has two readings.
    """
    if not target.startswith(b"/"):
        shown = target[:60].decode("latin-1")
        raise Refused("target", InvalidInput(f"the request target is {shown!r}: it must be a path beginning with '/'"))
    check_header_count(len(headers))
    hosts = sum(name == b"host" for name, _ in headers)
    if hosts > 1 or (hosts == 0 and version == "1.1"):
        raise Refused("host", InvalidInput(f"the request has {hosts} Host headers: send exactly one"))
    encodings = [value.lower() for name, value in headers if name == b"transfer-encoding"]
    lengths = sum(name == b"content-length" for name, _ in headers)
    if (encodings and (encodings != [b"chunked"] or lengths)) or lengths > 1:
        remedy = "send either one Content-Length or one 'Transfer-Encoding: chunked'"
        raise Refused("framing", InvalidInput(f"the length of the body cannot be told: {remedy}"))
    return bool(encodings)


def check_header_count(count: int) -> None:
    """Nothing, or Refused; also for a head that is still coming, so that none grows in memory beyond the limit."""
    if count > REQUEST_HEADERS_MAX:
        raise Refused("head", InvalidInput(f"the request has over {REQUEST_HEADERS_MAX} headers: send fewer"))
