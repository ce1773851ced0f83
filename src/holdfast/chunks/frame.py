"""Seals a chunk into a frame and unseals it again.

What is always true here: `unseal` returns the bytes whose SHA-256 the chunk id was made of, or raises Damaged; every
byte of the frame is under the tag, the header included. Each frame has a key of its own, derived from 32 random
bytes, and that key encrypts once: that is why a constant nonce is right (a nonce must differ only between messages
under one key), and why the same chunk sealed twice shares no ciphertext.
"""

import hashlib
import os
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from holdfast.chunks.compression import compress, decompress
from holdfast.chunks.port import SealedFrame
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model.errors import Damaged
from holdfast.packfile.layout import (
    FRAME_HEADER_BYTES,
    SALT_BYTES,
    TAG_BYTES,
    Codec,
    FrameHeader,
    Kind,
    decode_frame_header,
)

Buffer = bytes | bytearray | memoryview

_NONCE = bytes(12)


def _system_salt() -> bytes:
    return os.urandom(SALT_BYTES)


def frame_id(keys: VaultKeys, kind: Kind, digest: bytes) -> bytes:
    """The name (32 bytes) of a frame of that kind whose content has this SHA-256; of a chunk, its chunk id.

    Kinds never share a name: a client that knew the bytes of a manifest could not make its frame a chunk's duplicate.
    """
    return keys.chunk_id(digest if kind is Kind.CHUNK else digest + bytes([kind]))


def seal(
    keys: VaultKeys,
    digest: bytes,
    data: Buffer,
    *,
    kind: Kind = Kind.CHUNK,
    new_salt: Callable[[], bytes] = _system_salt,
) -> SealedFrame:
    """The frame of `data` (up to FRAME_CONTENT_BYTES_MAX); `digest` is its SHA-256, which the caller has verified.

    `new_salt` must give 32 random bytes that no other frame has.
    """
    chunk_id = frame_id(keys, kind, digest)
    codec, packed = compress(data)
    number = keys.frame_key_number
    salt = new_salt()
    header = FrameHeader(codec, kind, number, keys.vault_uid, chunk_id, len(data), len(packed), salt).encode()
    body = AESGCM(keys.frame_key(number, salt)).encrypt(_NONCE, packed, header)
    return SealedFrame(keys.vault_uid, chunk_id, len(data), (header, body))


def unseal(keys: VaultKeys, chunk_id: bytes, raw_bytes: int, frame: Buffer, *, kind: Kind = Kind.CHUNK) -> bytes:
    """The content of `frame`, which must be the frame `chunk_id` of that kind and vault, and `raw_bytes` long.

    Raises Damaged when anything about it is not as expected, UnusableKey when its frame key is not on the ring.
    """
    view = memoryview(frame)
    header = decode_frame_header(view)
    if header.frame_bytes != len(view):
        raise Damaged(f"a frame of {len(view)} bytes says that it has {header.frame_bytes}")
    expected = (kind, keys.vault_uid, chunk_id, raw_bytes)
    if (header.kind, header.vault, header.frame_id, header.raw_bytes) != expected:
        raise Damaged("a frame is sound but holds another chunk than the one that was looked up there")
    try:
        packed = AESGCM(keys.frame_key(header.key_number, header.salt)).decrypt(
            _NONCE, view[FRAME_HEADER_BYTES:], view[:FRAME_HEADER_BYTES]
        )
    except InvalidTag as altered:
        raise Damaged("a frame fails its authentication: it was altered, or sealed under another key") from altered
    assert len(packed) == len(view) - FRAME_HEADER_BYTES - TAG_BYTES
    data = decompress(packed, raw_bytes) if header.codec == Codec.ZSTD else packed
    if len(data) != raw_bytes or frame_id(keys, kind, hashlib.sha256(data).digest()) != chunk_id:
        raise Damaged("a frame's content is not what its chunk id was made of")
    return data
