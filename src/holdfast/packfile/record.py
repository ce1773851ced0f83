"""Records: what the packs say beside manifests. The settings of a vault, and that a recovery point is gone.

Together with the manifests they make the catalog expendable. MessagePack, by msgspec; docs/design/manifest.md has the
fields. A record tells what has happened, never what is about to: it is sealed after the transaction that it tells of.
"""

import msgspec

from holdfast.model.errors import Damaged

FORMAT_VERSION = 1


class VaultRecord(msgspec.Struct, array_like=True, frozen=True, tag="vault"):
    """A vault as its owner made it. Times in microseconds since 1970 (UTC); of two the higher revision counts."""

    version: int
    vault_uid: bytes
    revision: int
    name: str
    creator_request_id: str | None
    encryption_key_arn: str | None
    created_us: int
    options: str
    retired_us: int | None
    """When the vault was deleted, with everything in it; None while it is there."""


class DeletionRecord(msgspec.Struct, array_like=True, frozen=True, tag="deletion"):
    """A recovery point that is gone for good, or one that never came to be though its manifest may lie in a pack."""

    version: int
    vault_uid: bytes
    point_uid: str
    resource_arn: str
    seq: int
    deleted_us: int


Record = VaultRecord | DeletionRecord

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


def encode(record: Record) -> bytes:
    """The bytes of a record, before they are sealed; equal for equal records."""
    return _encoder.encode(record)


def decode(data: bytes) -> Record:
    """The record in `data`. Raises Damaged."""
    try:
        record = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as malformed:
        raise Damaged(f"a record cannot be read: {malformed}") from malformed
    if record.version != FORMAT_VERSION:
        raise Damaged(f"a record has format {record.version}, this version knows {FORMAT_VERSION}")
    return record
