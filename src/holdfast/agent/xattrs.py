"""What does not fit into a metadata string, as an object's metadata blob: JSON, absent where there is nothing to say.

Kept are all extended attributes that the kernel lists, whichever their namespace; only `security.evm` is left out, a
signature that is valid for one inode. Names that are not UTF-8 stand apart, since JSON has no bytes. What a blob cannot
hold is left out and said: the contents of a file never depend on its attributes.
"""

import errno
import os
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from holdfast.agent import names
from holdfast.model.errors import InvalidInput
from holdfast.model.limits import METADATA_BLOB_BYTES_MAX

_LEFT_OUT = frozenset({"security.evm"})
_NONE_HERE = (errno.ENOTSUP, errno.ENODATA, errno.EPERM, errno.ENOENT, errno.EINVAL)
_MEMBERS_BYTES = 256
"""The braces, commas and names of members around the attributes, amply."""


class MetadataBlob(msgspec.Struct, omit_defaults=True):
    """What does not fit into a metadata string.

    `raw_xattrs` are those whose names are not UTF-8; `flags` are those of agent.inode_flags. The rest is about the
    whole backup, and at its top object only: `cut` tells the chunking parameters, `root` the absolute path that names
    are relative to (agent.source), `users` and `groups` what the ids were called where the backup was made.
    """

    xattrs: dict[str, bytes] = {}
    raw_xattrs: list[tuple[bytes, bytes]] = []
    flags: int = 0
    cut: str | None = None
    root: str | None = None
    users: dict[int, str] = {}
    groups: dict[int, str] = {}

    def all_xattrs(self) -> dict[str, bytes]:
        """Every attribute by its name as Python spells it (surrogateescape)."""
        if not self.raw_xattrs:
            return self.xattrs
        return self.xattrs | {os.fsdecode(name): value for name, value in self.raw_xattrs}


class Found(NamedTuple):
    """A blob, and the names of the attributes that it does not hold, each with the reason."""

    blob: bytes | None
    lost: tuple[str, ...] = ()


_EMPTY = MetadataBlob()
_NOTHING = Found(None)
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(MetadataBlob)


def read(
    file: int | str, about: MetadataBlob | None = None, flags: int = 0, bytes_max: int = METADATA_BLOB_BYTES_MAX
) -> Found:
    """The metadata blob of an open file or directory, or of what is at a path itself. Raises OSError.

    `about` is what it says of the whole backup, if it is the top object of one.
    """
    try:
        listed = os.listxattr(file, follow_symlinks=isinstance(file, int))
    except OSError as error:
        if error.errno not in _NONE_HERE:
            return Found(_blob(about, flags, []), (f"extended attributes ({error.strerror})",))
        listed = []
    if not listed and about is None and not flags:
        return _NOTHING
    found: list[tuple[str, bytes]] = []
    lost: list[str] = []
    for name in listed:
        if name in _LEFT_OUT:
            continue
        try:
            found.append((name, os.getxattr(file, name, follow_symlinks=isinstance(file, int))))
        except OSError as error:
            if error.errno != errno.ENODATA:
                lost.append(f"{names.escape(name)} ({error.strerror})")
    kept = _fitting(found, bytes_max - _MEMBERS_BYTES - len(encode(about or _EMPTY) or b""), lost)
    return Found(_blob(about, flags, kept), tuple(lost))


def _fitting(found: list[tuple[str, bytes]], room: int, lost: list[str]) -> list[tuple[str, bytes]]:
    """The attributes that fit into a blob, the smallest first, so that few are lost."""
    kept = []
    for name, value in sorted(found, key=lambda one: (len(one[1]), one[0])):
        size = 4 * (len(value) // 3 + 1) + 6 * len(name) + 16  # base64; a character of a name is escaped at worst
        if size > room:
            lost.append(
                f"{names.escape(name)} ({len(value):,} bytes; all attributes of a file have {room:,} bytes left)"
            )
            continue
        room -= size
        kept.append((name, value))
    return kept


def _blob(about: MetadataBlob | None, flags: int, xattrs: Iterable[tuple[str, bytes]]) -> bytes | None:
    blob = MetadataBlob() if about is None else msgspec.structs.replace(about)
    blob.flags, blob.xattrs, blob.raw_xattrs = flags, {}, []
    for name, value in sorted(xattrs):  # the same attributes make the same bytes
        if _is_text(name):
            blob.xattrs[name] = value
        else:
            blob.raw_xattrs.append((os.fsencode(name), value))
    return encode(blob)


def _is_text(name: str) -> bool:
    return name.isascii() or not any("\udc80" <= character <= "\udcff" for character in name)


def encode(blob: MetadataBlob) -> bytes | None:
    """The bytes of a blob, or None for one that says nothing."""
    return _encoder.encode(blob) if blob != _EMPTY else None


def decode(blob: bytes) -> MetadataBlob:
    """The blob in these bytes. Raises InvalidInput where another client wrote them."""
    try:
        return _decoder.decode(blob)
    except (msgspec.DecodeError, UnicodeDecodeError) as malformed:
        raise InvalidInput(f"the metadata blob is not one of ours: {malformed}") from malformed


def put(file: int | str, name: str, value: bytes) -> str | None:
    """Sets one attribute of an open file, or of what is at a path itself; why not, where the target refuses it."""
    follow = isinstance(file, int)
    try:
        os.setxattr(file, name, value, follow_symlinks=follow)
    except (OSError, ValueError) as error:
        try:
            if os.getxattr(file, name, follow_symlinks=follow) == value:
                return None  # a security module gave it the same one by itself
        except (OSError, ValueError):
            pass
        return f"{names.escape(name)} ({getattr(error, 'strerror', None) or error})"
    return None


def has(fd: int, name: str) -> bool:
    """Whether an open file or directory has this attribute."""
    try:
        os.getxattr(fd, name)
    except OSError:
        return False
    return True


def remove(file: int | str, unwanted: Iterable[str]) -> None:
    """Take these attributes away where they are."""
    for name in unwanted:
        try:
            os.removexattr(file, name, follow_symlinks=isinstance(file, int))
        except OSError as error:
            if error.errno not in _NONE_HERE:
                raise
