"""What a head must be beyond what httptools checks, before anyone looks at what it asks for."""

from collections.abc import Sequence

from holdfast.model.errors import HoldfastError, InvalidInput

HEADERS_MAX = 200


class Refused(Exception):
    """A head that is answered by closing its connection; `reason` is a fixed word for the metrics."""

    def __init__(self, reason: str, error: HoldfastError) -> None:
        super().__init__(reason)
        self.reason = reason
        self.error = error


def check_head(target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Nothing, or Refused: a target that is no path, too many headers, a framing of the body that has two readings."""
    if not target.startswith(b"/"):
        shown = target[:60].decode("latin-1")
        raise Refused("target", InvalidInput(f"the request target is {shown!r}: it must be a path beginning with '/'"))
    if len(headers) > HEADERS_MAX:
        raise Refused("head", InvalidInput(f"the request has {len(headers)} headers: send at most {HEADERS_MAX}"))
    encodings = [value.lower() for name, value in headers if name == b"transfer-encoding"]
    lengths = sum(name == b"content-length" for name, _ in headers)
    if (encodings and (encodings != [b"chunked"] or lengths)) or lengths > 1:
        remedy = "send either one Content-Length or one 'Transfer-Encoding: chunked'"
        raise Refused("framing", InvalidInput(f"the length of the body cannot be told: {remedy}"))
