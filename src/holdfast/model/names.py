"""What an object may be called and what a metadata string may hold (contract 3.10)."""

import unicodedata
from collections.abc import Mapping

from holdfast.model.errors import InvalidInput
from holdfast.model.limits import METADATA_STRING_BYTES_MAX, OBJECT_NAME_BYTES_MAX

_CONTROLS = {"Cc": "control character"}
# A file's name may have these; what people choose as a name for others to read has no use for them.
_CONTROLS_AND_SEPARATORS = _CONTROLS | {"Zl": "line separator", "Zp": "paragraph separator", "Cs": "lone surrogate"}


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


def refuse_controls(text: str, parameter: str) -> str:
    """`text` itself, or InvalidInput: no control characters (C0, DEL, C1) and no line or paragraph separators."""
    _refuse(text, parameter, _CONTROLS_AND_SEPARATORS)
    return text


def _refuse_controls(text: str, parameter: str) -> None:
    _refuse(text, parameter, _CONTROLS)


def _refuse(text: str, parameter: str, categories: Mapping[str, str]) -> None:
    if text.isprintable():
        return
    for position, character in enumerate(text):
        what = categories.get(unicodedata.category(character))
        if what is not None:
            raise InvalidInput(
                f"{parameter} has the {what} U+{ord(character):04X} at position {position}: {what}s are not allowed"
            )
