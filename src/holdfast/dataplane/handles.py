"""UploadId, ObjectToken, ChunkToken and NextToken: what they carry, and how they are checked.

Each is a token of `model.token`, bound to the job it was issued for.
"""

import struct
from dataclasses import dataclass

import msgspec

from holdfast.catalog.objects import PageFilter
from holdfast.model.token import TokenKind, TokenMint

_NUMBER = struct.Struct(">Q")
_PAGE = struct.Struct(">QQ")
_CHUNK = struct.Struct(">QQQ")


def issue_upload(tokens: TokenMint, job_id: str, object_no: int) -> str:
    """An UploadId."""
    return tokens.issue(TokenKind.UPLOAD, job_id, _NUMBER.pack(object_no))


def open_upload(tokens: TokenMint, job_id: str, upload_id: str) -> int:
    """The object number of an UploadId. Raises InvalidInput."""
    return int(_NUMBER.unpack(tokens.open(TokenKind.UPLOAD, job_id, upload_id, "UploadId"))[0])


def issue_object(tokens: TokenMint, job_id: str, object_no: int) -> str:
    """An ObjectToken."""
    return tokens.issue(TokenKind.OBJECT, job_id, _NUMBER.pack(object_no))


def open_object(tokens: TokenMint, job_id: str, object_token: str) -> int:
    """The object number of an ObjectToken. Raises InvalidInput."""
    return int(_NUMBER.unpack(tokens.open(TokenKind.OBJECT, job_id, object_token, "ObjectToken"))[0])


@dataclass(frozen=True, slots=True)
class ChunkHandle:
    """Which chunk a ChunkToken means: the one numbered `chunk_no`, at `index` of an object."""

    object_no: int
    index: int
    chunk_no: int


def issue_chunk(tokens: TokenMint, job_id: str, handle: ChunkHandle) -> str:
    """A ChunkToken."""
    return tokens.issue(TokenKind.CHUNK, job_id, _CHUNK.pack(handle.object_no, handle.index, handle.chunk_no))


def open_chunk(tokens: TokenMint, job_id: str, chunk_token: str) -> ChunkHandle:
    """What a ChunkToken means. Raises InvalidInput."""
    return ChunkHandle(*_CHUNK.unpack(tokens.open(TokenKind.CHUNK, job_id, chunk_token, "ChunkToken")))


def issue_chunk_page(tokens: TokenMint, job_id: str, object_no: int, after: int) -> str:
    """A NextToken of ListChunks: chunks of the object with indexes greater than `after`."""
    return tokens.issue(TokenKind.CHUNK_PAGE, job_id, _PAGE.pack(object_no, after))


def open_chunk_page(tokens: TokenMint, job_id: str, next_token: str) -> tuple[int, int]:
    """Object number and last index of a NextToken of ListChunks. Raises InvalidInput."""
    object_no, after = _PAGE.unpack(tokens.open(TokenKind.CHUNK_PAGE, job_id, next_token, "NextToken"))
    return object_no, after


def issue_object_page(tokens: TokenMint, kind: TokenKind, job_id: str, rest: PageFilter) -> str:
    """A NextToken of ListObjects or ScanObjects. It carries the filters, which the caller need not repeat.

    `rest.lowest` is left out: whatever comes after `rest.after` is beyond it.
    """
    highest = None if rest.highest == PageFilter().highest else rest.highest
    payload = msgspec.msgpack.encode((rest.after, highest, rest.created_after, rest.created_before))
    return tokens.issue(kind, job_id, payload)


def open_object_page(tokens: TokenMint, kind: TokenKind, job_id: str, next_token: str) -> PageFilter:
    """The filters of a NextToken of ListObjects or ScanObjects. Raises InvalidInput."""
    after, highest, created_after, created_before = msgspec.msgpack.decode(
        tokens.open(kind, job_id, next_token, "NextToken")
    )
    everything = PageFilter()
    return PageFilter(
        after=after,
        highest=everything.highest if highest is None else highest,
        created_after=created_after,
        created_before=created_before,
    )
