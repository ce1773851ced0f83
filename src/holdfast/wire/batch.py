"""Many small objects in one body, both ways: the payloads of PutObjects and GetObjects of our own model.

MessagePack, one array per record, read and written by msgspec. The agent packs what the server unpacks and the reverse;
sizes are bounded by `limits.BATCH_*` on both sides. A record of five bytes becomes a value of a hundred: what a batch
says of its numbers is read, and bounded, before anything of it is decoded.
"""

from typing import TypeVar

import msgspec

from holdfast.model.errors import InvalidInput
from holdfast.model.limits import BATCH_CHUNKS_MAX, BATCH_OBJECTS_MAX
from holdfast.wire.message import Buffer

T = TypeVar("T")


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
_parts = msgspec.msgpack.Decoder(list[msgspec.Raw])

# The head of a MessagePack array: its length within the byte, or in the two or four bytes that follow.
_SHORT_ARRAY, _SHORT_ARRAY_LENGTHS = 0x90, 16
_LENGTH_BYTES = {0xDC: 2, 0xDD: 4}


def encode(records: list[PutRecord] | list[GetRecord]) -> bytes:
    """The body that carries `records`."""
    return _encoder.encode(records)


def decode_puts(body: Buffer) -> list[PutRecord]:
    """The records of a PutObjects body. Raises InvalidInput where it is not one, or has too many."""
    count, _ = _array_head(body, 0)
    if count > BATCH_OBJECTS_MAX:
        raise InvalidInput(
            f"Objects is a batch of objects that holds {count}: at most {BATCH_OBJECTS_MAX} are taken at once, send"
            " the others in further batches"
        )
    return _decoded(_puts, body)


def decode_gets(body: Buffer, count: int) -> list[GetRecord]:
    """The records of a GetObjects body that answers `count` tokens. Raises InvalidInput where it is no such one."""
    answered, _ = _array_head(body, 0)
    if answered != count:
        raise InvalidInput(f"Objects is a batch of objects that holds {answered}: {count} were asked for")
    chunks = sum(_chunk_count(part) for part in _decoded(_parts, body))
    if chunks > BATCH_CHUNKS_MAX:
        raise InvalidInput(f"Objects is a batch of objects with {chunks} chunks: at most {BATCH_CHUNKS_MAX} are taken")
    return _decoded(_gets, body)


def _chunk_count(part: msgspec.Raw) -> int:
    """How many chunks a GetRecord says that it has, in its first field."""
    data = memoryview(part)
    _, first = _array_head(data, 0)
    count, _ = _array_head(data, first)
    return count


def _array_head(data: Buffer, at: int) -> tuple[int, int]:
    """The length that the array at `at` claims, and where its first element is; 0 for what is no array.

    The decoder refuses what is no array, and an array that is shorter than it claims.
    """
    if at >= len(data):
        return 0, at
    first = data[at]
    length_bytes = _LENGTH_BYTES.get(first)
    if length_bytes is not None:
        behind = at + 1 + length_bytes
        return int.from_bytes(data[at + 1 : behind], "big"), behind
    short = first - _SHORT_ARRAY
    return short if 0 <= short < _SHORT_ARRAY_LENGTHS else 0, at + 1


def _decoded(decoder: "msgspec.msgpack.Decoder[T]", body: Buffer) -> T:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as malformed:
        raise InvalidInput(f"Objects is not a batch of objects: {malformed}") from malformed
    except RecursionError as deep:
        raise InvalidInput("Objects is not a batch of objects: it is nested too deeply") from deep
