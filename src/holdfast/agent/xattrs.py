"""Extended attributes as an object's metadata blob: JSON, `{"xattrs": {NAME: base64}}`, absent where there are none.

Kept are the user's own, POSIX ACLs and file capabilities. What a file system or a security module manages itself
(`security.selinux`, `trusted.*`) belongs to the machine, not to the data.
"""

import errno
import os

import msgspec

from holdfast.model.errors import InvalidInput

_KEPT_PREFIX = "user."
_KEPT = frozenset({"security.capability", "system.posix_acl_access", "system.posix_acl_default"})
_NONE_HERE = (errno.ENOTSUP, errno.ENODATA, errno.EPERM, errno.ENOENT, errno.EINVAL)


class MetadataBlob(msgspec.Struct, omit_defaults=True):
    """What does not fit into a metadata string. `cut` tells the chunking parameters (root object only)."""

    xattrs: dict[str, bytes] = {}
    cut: str | None = None


_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(MetadataBlob)


def read(fd: int) -> bytes | None:
    """The metadata blob of an open file or directory, or None where it has no attributes to keep. Raises OSError."""
    return encode(MetadataBlob(xattrs=_listed(fd)))


def _listed(fd: int) -> dict[str, bytes]:
    try:
        names = os.listxattr(fd)
    except OSError as error:
        if error.errno in _NONE_HERE:
            return {}
        raise
    return {name: os.getxattr(fd, name) for name in names if name.startswith(_KEPT_PREFIX) or name in _KEPT}


def read_root(fd: int, cut: str) -> bytes:
    """The metadata blob of the source's root: its attributes, and the chunking parameters of the whole backup."""
    return _encoder.encode(MetadataBlob(xattrs=_listed(fd), cut=cut))


def encode(blob: MetadataBlob) -> bytes | None:
    """The bytes of a blob, or None for one that says nothing."""
    return _encoder.encode(blob) if blob.xattrs or blob.cut else None


def decode(blob: bytes) -> MetadataBlob:
    """The blob in these bytes. Raises InvalidInput where another client wrote them."""
    try:
        return _decoder.decode(blob)
    except (msgspec.DecodeError, UnicodeDecodeError) as malformed:
        raise InvalidInput(f"the metadata blob is not one of ours: {malformed}") from malformed


def apply(fd: int, blob: MetadataBlob) -> list[str]:
    """Sets the attributes on an open file or directory; the names of those that could not be set."""
    failed = []
    for name, value in blob.xattrs.items():
        if not (name.startswith(_KEPT_PREFIX) or name in _KEPT):
            continue
        try:
            os.setxattr(fd, name, value)
        except OSError:
            failed.append(name)
    return failed
