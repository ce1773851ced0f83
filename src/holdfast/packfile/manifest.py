"""The manifest of a recovery point: what its job added to its base and removed from it, in sealed parts.

One that was written anew because its first parts are damaged is full: it says everything, and leans on no base.

Together with the manifests of the recovery points it builds on, it says everything that the catalog knows about a
recovery point, so that the catalog can be made anew from packs alone. MessagePack, by msgspec; docs/design/manifest.md
has the fields. A part is at most a few MiB; an object with a longer chunk list goes on in the next part.
"""

import msgspec

from holdfast.model.errors import Damaged

FORMAT_VERSION = 1


class ManifestHead(msgspec.Struct, array_like=True, frozen=True):
    """The same in every part: whose manifest it is, and which part of it. Times in microseconds since 1970 (UTC)."""

    version: int
    vault_uid: bytes
    vault_name: str
    resource_arn: str
    point_uid: str
    seq: int
    base_seq: int
    job_uid: str
    role_arn: str
    options: str
    created_us: int
    completed_us: int
    part: int
    is_last: bool
    edition: int = 0
    """Of two whole manifests of a recovery point the one with the higher edition counts."""
    is_full: bool = False
    """Whether `added` is the whole view and not what changed against the base."""


class ManifestChunk(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A chunk of an object: its index, length in bytes and SHA-256 (32 bytes)."""

    index: int
    raw_bytes: int
    digest: bytes


class ManifestObject(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An object that the job wrote, or the next chunks of the one before it if `continued`."""

    name: str
    completed_us: int
    summary: bytes
    metadata_string: str | None
    metadata_blob: ManifestChunk | None
    chunks: list[ManifestChunk]
    continued: bool = False


class ManifestPart(msgspec.Struct, array_like=True, frozen=True):
    """One sealed part."""

    head: ManifestHead
    added: list[ManifestObject]
    deleted: list[str]
    replaces: list[bytes] = []
    """In the last part of one that was written anew: the frame ids of the parts that count no longer."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ManifestPart)


def encode(part: ManifestPart) -> bytes:
    """The bytes of a part, before they are sealed."""
    return _encoder.encode(part)


def decode(data: bytes) -> ManifestPart:
    """The part in `data`. Raises Damaged."""
    try:
        part = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as malformed:
        raise Damaged(f"a manifest part cannot be read: {malformed}") from malformed
    if part.head.version != FORMAT_VERSION:
        raise Damaged(f"a manifest part has format {part.head.version}, this version knows {FORMAT_VERSION}")
    return part
