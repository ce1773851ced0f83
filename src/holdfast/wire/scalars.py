"""Single values: from the text of a path, query or header, from JSON, and back to JSON.

Every time is whole microseconds since 1970, UTC. Readers are strict where a lenient one could let two parties read one
request differently: no white space, no '+5', no '1_0', no 'True'.
"""

import base64
import binascii
import re
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import unquote_to_bytes

from holdfast.wire.misfit import Misfit

_DIGITS_MAX = 19
_MICROSECONDS = 1_000_000
_EARLIEST_US = -62_135_596_800 * _MICROSECONDS
_LATEST_US = 253_402_300_800 * _MICROSECONDS - 1

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ISO = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)", re.ASCII)
_EPOCH = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?", re.ASCII)
_A_TIME = "a time such as 2026-01-31T12:00:00.5Z, or seconds since 1970, within the years 1 to 9999"


def percent_decode(raw: bytes) -> str:
    """The text of one path segment or query component: %XX decoded once, '+' left alone, strict UTF-8."""
    try:
        if b"%" not in raw:
            return raw.decode("utf-8")
        if _BAD_ESCAPE.search(raw):
            raise Misfit(raw, "percent-encoded with two hexadecimal digits after each %")
        return unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError as undecodable:
        raise Misfit(raw, "UTF-8") from undecodable


def _integer(text: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS_MAX):
        raise Misfit(text, f"a whole number in decimal digits (at most {_DIGITS_MAX})")
    return int(text)


def _boolean(text: str) -> bool:
    if text == "true":
        return True
    if text == "false":
        return False
    raise Misfit(text, "true or false")


def _timestamp(text: str) -> int:
    if match := _ISO.fullmatch(text):
        try:
            moment = datetime.fromisoformat(match[1]).replace(tzinfo=UTC)
        except ValueError as impossible:
            raise Misfit(text, _A_TIME) from impossible
        return _whole_seconds(moment) * _MICROSECONDS + _fraction(match[2])
    if match := _EPOCH.fullmatch(text):
        size = int(match[2]) * _MICROSECONDS + _fraction(match[3])
        return _in_range(-size if match[1] else size, text)
    raise Misfit(text, _A_TIME)


def _whole_seconds(moment: datetime) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * 86_400 + since.seconds


def _fraction(digits: str | None) -> int:
    return int(digits[:6].ljust(6, "0")) if digits else 0


def _in_range(microseconds: int, value: object) -> int:
    if not _EARLIEST_US <= microseconds <= _LATEST_US:
        raise Misfit(value, _A_TIME)
    return microseconds


def _text(text: str) -> str:
    return text


FROM_TEXT: dict[str, Callable[[str], object]] = {
    "string": _text,
    "integer": _integer,
    "long": _integer,
    "boolean": _boolean,
    "timestamp": _timestamp,
}
"""Readers of path labels, query parameters and headers, by type of shape; they raise Misfit."""


def _json_string(value: object) -> str:
    if type(value) is not str:
        raise Misfit(value, "a string")
    return value


def _json_integer(value: object) -> int:
    # bool is an int in Python, not in JSON.
    if type(value) is not int:
        raise Misfit(value, "a whole number")
    return value


def _json_boolean(value: object) -> bool:
    if type(value) is not bool:
        raise Misfit(value, "true or false")
    return value


def _json_timestamp(value: object) -> int:
    if type(value) is str:
        return _timestamp(value)
    if type(value) is int or type(value) is float:
        return _in_range(round(value * _MICROSECONDS), value)
    raise Misfit(value, _A_TIME)


def _json_blob(value: object) -> bytes:
    try:
        return base64.b64decode(_json_string(value), validate=True)
    except (binascii.Error, ValueError) as malformed:
        raise Misfit(value, "a string in base64") from malformed


FROM_JSON: dict[str, Callable[[object], object]] = {
    "string": _json_string,
    "integer": _json_integer,
    "long": _json_integer,
    "boolean": _json_boolean,
    "timestamp": _json_timestamp,
    "blob": _json_blob,
}
"""Readers of scalar values in a JSON body, by type of shape; they raise Misfit."""


def epoch_seconds(microseconds: int) -> int | float:
    """A time as rest-json puts it into a body: seconds since 1970, with a fraction where there is one."""
    seconds, rest = divmod(microseconds, _MICROSECONDS)
    # Every microsecond of the years 1698 to 2242 survives the way through a double, as readers round to microseconds.
    return microseconds / _MICROSECONDS if rest else seconds
