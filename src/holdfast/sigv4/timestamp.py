"""When a request says it was signed: `x-amz-date`, or `Date` where there is none; and whether that is near enough."""

import calendar
import re
import time
from datetime import UTC
from functools import lru_cache

from holdfast.model.errors import Denied
from holdfast.model.limits import CLOCK_SKEW_SECONDS_MAX
from holdfast.wire.message import RequestHead

_BASIC = re.compile(rb"[0-9]{8}T[0-9]{6}Z")
_FORMAT = "%Y%m%dT%H%M%SZ"


@lru_cache(maxsize=64)
def text_of(seconds: int) -> bytes:
    """Seconds since 1970 as `YYYYMMDDTHHMMSSZ`."""
    return time.strftime(_FORMAT, time.gmtime(seconds)).encode("ascii")


@lru_cache(maxsize=64)
def seconds_of(text: bytes) -> int | None:
    """Seconds since 1970 of `YYYYMMDDTHHMMSSZ`, or None if it is not one."""
    if not _BASIC.fullmatch(text):
        return None
    try:
        return calendar.timegm(time.strptime(text.decode("ascii"), _FORMAT))
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=64)
def _http_seconds_of(text: bytes) -> int | None:
    from email.utils import parsedate_to_datetime  # few clients send such a date, and it brings a mail library

    try:
        moment = parsedate_to_datetime(text.decode("ascii"))
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(aware.timestamp())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def signed_at(head: RequestHead) -> tuple[bytes, int]:
    """The name of the header that dates the request, and its seconds since 1970. Raises Denied if there is no such."""
    for name, read in ((b"x-amz-date", seconds_of), (b"date", _http_seconds_of)):
        values = head.header_values(name)
        if not values:
            continue
        label = name.decode("ascii")
        if len(values) > 1:
            raise Denied(f"the request has {len(values)} {label} headers: send exactly one")
        seconds = read(values[0]) if len(values[0]) <= 64 else None
        if seconds is None:
            shown = values[0][:40].decode("ascii", "backslashreplace")
            raise Denied(f"{label} is {shown!r}: it must be a UTC time such as 20260102T030405Z")
        return name, seconds
    raise Denied("the request has neither x-amz-date nor Date: a signed request must say when it was signed")


def check_skew(seconds: int, now_us: int) -> None:
    """Denied, naming both times, unless `seconds` is within the clock window around now."""
    now = now_us // 1_000_000
    if abs(now - seconds) > CLOCK_SKEW_SECONDS_MAX:
        raise Denied(
            f"the request was signed at {_shown(seconds)} and the server's clock says {_shown(now)}: they may differ by"
            f" {CLOCK_SKEW_SECONDS_MAX} seconds at most; correct the clock that is wrong, or sign the request anew"
        )


def _shown(seconds: int) -> str:
    return text_of(seconds).decode("ascii")
