"""Names and parameters as they travel: every byte outside A-Z a-z 0-9 - _ . ~ is %XX of its UTF-8, '/' too."""

from urllib.parse import quote

from holdfast.model.errors import InvalidInput

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
        return quote(text, safe="").encode("ascii")
    except UnicodeEncodeError as unencodable:
        raise InvalidInput(f"{parameter} has a lone surrogate at {unencodable.start}: use UTF-8") from unencodable
