"""What an object may be called and what a metadata string may hold (contract 3.10)."""

import unicodedata

from holdfast.model.errors import InvalidInput
from holdfast.model.limits import METADATA_STRING_BYTES_MAX, OBJECT_NAME_BYTES_MAX


def check_object_name(name: str) -> str:
    """`name` itself, or InvalidInput: 1..4096 bytes of UTF-8, no control characters, not `.` or `..`."""
    size = _utf8_bytes(name, "ObjectName")
    if not 1 <= size <= OBJECT_NAME_BYTES_MAX:
        raise InvalidInput(f"ObjectName has {size} bytes of UTF-8: it must have 1 to {OBJECT_NAME_BYTES_MAX}")
    if name in (".", ".."):
        raise InvalidInput(f"ObjectName is {name!r}: '.' and '..' are not names, choose another")
    _refuse_controls(name, "ObjectName")
    return name


def check_metadata_string(text: str) -> str:
    """`text` itself, or InvalidInput: 1..256 bytes of UTF-8 without control characters (it travels in a header)."""
    size = _utf8_bytes(text, "MetadataString")
    if not 1 <= size <= METADATA_STRING_BYTES_MAX:
        raise InvalidInput(
            f"MetadataString has {size} bytes of UTF-8: it must have 1 to {METADATA_STRING_BYTES_MAX};"
            " put longer metadata into the MetadataBlob"
        )
    _refuse_controls(text, "MetadataString")
    return text


def _utf8_bytes(text: str, parameter: str) -> int:
    try:
        return len(text.encode("utf-8"))
    except UnicodeEncodeError as unencodable:
        raise InvalidInput(
            f"{parameter} has a lone surrogate at {unencodable.start}: it must be UTF-8"
        ) from unencodable


def _refuse_controls(text: str, parameter: str) -> None:
    if text.isprintable():
        return
    for position, character in enumerate(text):
        if unicodedata.category(character) == "Cc":
            raise InvalidInput(
                f"{parameter} has the control character U+{ord(character):04X} at position {position}:"
                " control characters are not allowed"
            )
