"""Many small objects in one body, both ways: the payloads of PutObjects and GetObjects of our own model.

MessagePack, one array per record, read and written by msgspec. The agent packs what the server unpacks and the reverse;
sizes are bounded by `limits.BATCH_*` on both sides.
"""

import msgspec

from holdfast.model.errors import InvalidInput
from holdfast.wire.message import Buffer


class PutRecord(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One object to put: at most one chunk (at index 0), as PutObject, plus a metadata blob where there is one."""

    name: str
    metadata_string: str | None
    data: bytes | None
    """The chunk; None for an object without chunks."""
    digest: bytes | None
    """SHA-256 of `data`, 32 bytes, where the sender vouches for each object by itself; the signed hash of the whole
    body covers it in any case."""
    metadata_blob: bytes | None = None


class GetRecord(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One object read: its chunks as (index, bytes) in ascending index, and its metadata blob."""

    chunks: list[tuple[int, bytes]]
    metadata_blob: bytes | None = None


_encoder = msgspec.msgpack.Encoder()
_puts = msgspec.msgpack.Decoder(list[PutRecord])
_gets = msgspec.msgpack.Decoder(list[GetRecord])


def encode(records: list[PutRecord] | list[GetRecord]) -> bytes:
    """The body that carries `records`."""
    return _encoder.encode(records)


def decode_puts(body: Buffer) -> list[PutRecord]:
    """The records of a PutObjects body. Raises InvalidInput where it is not one."""
    try:
        return _puts.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as malformed:
        raise InvalidInput(f"Objects is not a batch of objects: {malformed}") from malformed


def decode_gets(body: Buffer) -> list[GetRecord]:
    """The records of a GetObjects body. Raises InvalidInput where it is not one."""
    try:
        return _gets.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as malformed:
        raise InvalidInput(f"Objects is not a batch of objects: {malformed}") from malformed
