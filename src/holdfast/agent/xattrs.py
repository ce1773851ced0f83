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
    """What does not fit into a metadata string. All but `xattrs` is about the whole backup, and at its top object only.

    `cut` tells the chunking parameters, `root` the absolute path that names are relative to (agent.source).
    """

    xattrs: dict[str, bytes] = {}
    cut: str | None = None
    root: str | None = None


_EMPTY = MetadataBlob()
_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(MetadataBlob)


def read(fd: int, about: MetadataBlob | None = None) -> bytes | None:
    """The metadata blob of an open file or directory, or None where it has no attributes to keep. Raises OSError.

    `about` is what it says of the whole backup, if it is the top object of one.
    """
    return encode(
        MetadataBlob(xattrs=_listed(fd)) if about is None else msgspec.structs.replace(about, xattrs=_listed(fd))
    )


def _listed(fd: int) -> dict[str, bytes]:
    try:
        names = os.listxattr(fd)
    except OSError as error:
        if error.errno in _NONE_HERE:
            return {}
        raise
    return {name: os.getxattr(fd, name) for name in names if name.startswith(_KEPT_PREFIX) or name in _KEPT}


def encode(blob: MetadataBlob) -> bytes | None:
    """The bytes of a blob, or None for one that says nothing."""
    return _encoder.encode(blob) if blob != _EMPTY else None


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
