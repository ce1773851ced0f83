"""Names and parameters as they travel: every byte outside A-Z a-z 0-9 - _ . ~ is %XX of its UTF-8, '/' too."""

import re

from holdfast.model.errors import InvalidInput

# urllib's quote looks at each character in Python; here only the few that need it cost anything (a quarter of the whole
# client-side work of a small PutObject).
_UNSAFE = re.compile(rb"[^A-Za-z0-9\-._~]")
_ESCAPES = {bytes([octet]): b"%%%02X" % octet for octet in range(256)}

QueryValue = str | int | bool | None


def label(text: str, parameter: str) -> bytes:
    """A path segment. Raises InvalidInput, naming `parameter`, for text that would not survive as one.

    '.' and '..' are refused here: any proxy between client and server would take them for directions.
    """
    if text in ("", ".", ".."):
        raise InvalidInput(f"{parameter} is {text!r}: it must have characters, and not be '.' or '..'")
    return _encoded(text, parameter)


def query(*pairs: tuple[str, QueryValue]) -> bytes:
    """The query of (name, value) pairs; a value of None is left out, booleans are `true` and `false`."""
    return b"&".join(
        [name.encode("ascii") + b"=" + _query_value(name, value) for name, value in pairs if value is not None]
    )


def _query_value(name: str, value: str | int | bool) -> bytes:
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, int):
        return b"%d" % value
    return _encoded(value, name)


def _encoded(text: str, parameter: str) -> bytes:
    try:
        return _UNSAFE.sub(_escaped, text.encode("utf-8"))
    except UnicodeEncodeError as unencodable:
        raise InvalidInput(f"{parameter} has a lone surrogate at {unencodable.start}: use UTF-8") from unencodable


def _escaped(unsafe: re.Match[bytes]) -> bytes:
    return _ESCAPES[unsafe[0]]
