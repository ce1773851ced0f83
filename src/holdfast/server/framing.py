"""What a chunked body may have around its bytes: chunk sizes, extensions, trailers, and the number of its chunks.

The parser gives out the bytes of a body and keeps the rest to itself, a trailer even until its line ends. So what is
received and is neither body nor head is counted here, and so is each chunk, since a chunk costs work however small it
is. A body that any client library sends stays far below these bounds.
"""

from holdfast.model.errors import InvalidInput
from holdfast.model.limits import CHUNKED_PIECE_BYTES_MIN, CHUNKED_PIECES_FREE, FRAMING_BYTES_FREE, FRAMING_SHARE_MAX
from holdfast.server.head_rules import Refused


class BodyFraming:
    """The framing of one body."""

    def __init__(self) -> None:
        self._body_bytes = 0
        self._framing_bytes = 0
        self._chunks = 0

    def body(self, size: int) -> None:
        """So many bytes of the body itself came."""
        self._body_bytes += size

    def chunk(self) -> None:
        """One more chunk began. Raises Refused."""
        self._chunks += 1
        if self._chunks > CHUNKED_PIECES_FREE + self._body_bytes // CHUNKED_PIECE_BYTES_MIN:
            raise Refused(
                "framing",
                InvalidInput(
                    f"the body came in {self._chunks} chunks of {self._body_bytes // self._chunks} bytes on average:"
                    f" after the first {CHUNKED_PIECES_FREE}, the average must be"
                    f" {CHUNKED_PIECE_BYTES_MIN} or more; send larger chunks, or give Content-Length"
                ),
            )

    def beside(self, size: int) -> None:
        """So many bytes came that are not the body's. Raises Refused."""
        self._framing_bytes += size
        allowed = FRAMING_BYTES_FREE + int(self._body_bytes * FRAMING_SHARE_MAX)
        if self._framing_bytes > allowed:
            raise Refused(
                "framing",
                InvalidInput(
                    f"the chunk sizes, extensions and trailers of the body have over {allowed} bytes: send larger"
                    " chunks and shorter trailers, or give Content-Length"
                ),
            )
