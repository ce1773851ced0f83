"""Where a verification has come to, as the NextToken carries it: the service keeps nothing that a restart would lose.

(What was read already is remembered beside it, by run; forgotten, it is read once more.)
"""

import msgspec

from holdfast.model.errors import InvalidInput
from holdfast.model.token import TokenKind, TokenMint

OPERATION = "VerifyStore"
_VERSION = 2

PACKS, MANIFESTS, OBJECTS, DAMAGES, PARITY = "packs", "manifests", "objects", "damages", "parity"
"""The stages: read everything; or read the manifests and then the objects of a scope; then name what is damaged; then
add parity."""


class Cursor(msgspec.Struct, array_like=True, frozen=True):
    """The scope, the stage, and the place in it; what the place means is the stage's own."""

    version: int
    run: bytes
    """Random, 8 bytes: which verification this is."""
    resource_arn: str | None
    point_uid: str | None
    parity_percent: int
    total_bytes: int
    last_pack_no: int
    """Packs that are begun later are not waited for."""
    stage: str
    series_no: int = 0
    """Where the stage goes by series, and of the reference to which `DAMAGES` has come."""
    place: tuple[int, int, int, int] = (0, 0, 0, 0)
    begun_us: int = 0
    """When the pack that is being read was begun to be."""

    def moved(self, *place: int, begun_us: int = 0) -> "Cursor":
        """Further on in the same stage."""
        padded = (*place, *(0,) * (4 - len(place)))
        assert len(padded) == 4
        return msgspec.structs.replace(self, place=padded, begun_us=begun_us)

    def at(self, stage: str, series_no: int = 0) -> "Cursor":
        """At the beginning of a stage, of a series where the stage goes by series."""
        return msgspec.structs.replace(self, stage=stage, series_no=series_no, place=(0, 0, 0, 0), begun_us=0)


def first(run: bytes, resource_arn: str | None, point_uid: str | None, parity_percent: int) -> Cursor:
    """The beginning; the totals and the first stage are filled in by who knows the store."""
    return Cursor(_VERSION, run, resource_arn, point_uid, parity_percent, 0, 0, PACKS)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Cursor)


def issue(tokens: TokenMint, cursor: Cursor) -> str:
    """The NextToken."""
    return tokens.issue(TokenKind.CONTROL_PAGE, OPERATION, _encoder.encode(cursor))


def opened(tokens: TokenMint, token: str) -> Cursor:
    """What `issue` was given. Raises InvalidInput for a token of somebody else, or of another version."""
    try:
        cursor = _decoder.decode(tokens.open(TokenKind.CONTROL_PAGE, OPERATION, token, "NextToken"))
    except msgspec.DecodeError as malformed:
        raise _outdated() from malformed
    if cursor.version != _VERSION:
        raise _outdated()
    return cursor


def _outdated() -> InvalidInput:
    return InvalidInput("NextToken was issued by another version of the service: begin the verification anew")
