"""POSIX access control lists as Linux stores them in extended attributes: what a restore must know of them.

A list is a version (2) and entries of tag, permissions and id, little-endian. Its ids are numbers, never names. Where
there is a list, the group bits of the mode are its mask, not what the owning group may do.
"""

import struct

ACCESS = "system.posix_acl_access"
DEFAULT = "system.posix_acl_default"
NAMES = frozenset({ACCESS, DEFAULT})

_VERSION = struct.Struct("<I")
_ENTRY = struct.Struct("<HHI")
_GROUP_OBJECT, _MASK = 0x04, 0x10


def group_permissions(access: bytes) -> int:
    """What the owning group may do under this list, as three bits; 0 where the list cannot be read."""
    if len(access) < _VERSION.size or (len(access) - _VERSION.size) % _ENTRY.size:
        return 0
    found: dict[int, int] = {tag: permissions for tag, permissions, _ in _ENTRY.iter_unpack(access[_VERSION.size :])}
    return found.get(_GROUP_OBJECT, 0) & found.get(_MASK, 0o7) & 0o7
