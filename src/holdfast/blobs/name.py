"""Which names a blob may have (blobs/port.py): good as a path and as an object key, never a way out of the store."""

import re

from holdfast.model.errors import InvalidInput

NAME_BYTES_MAX = 255

_SEGMENT = r"[A-Za-z0-9_\-][A-Za-z0-9_.\-]*"
_NAME = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")


def is_blob_name(name: str) -> bool:
    """Whether a blob may have that name."""
    return len(name) <= NAME_BYTES_MAX and _NAME.fullmatch(name) is not None


def check_blob_name(name: str) -> str:
    """`name` itself, or InvalidInput."""
    if not is_blob_name(name):
        raise InvalidInput(
            f"blob name {name[:120]!r}: it must be 1 to {NAME_BYTES_MAX} of A-Z a-z 0-9 . _ - in segments parted by"
            " '/', none empty or beginning with '.'"
        )
    return name
