"""Whether this machine, the database and the bucket agree about the time.

No safety argument rests on a clock, but signatures do: S3 refuses a request that is signed a quarter of an hour off,
and so do we.
"""

import email.utils
import http.client
import math
import ssl
import urllib.parse

from holdfast.app.checks.finding import Finding, failed, ok, warning
from holdfast.blobs.s3_options import S3Options
from holdfast.model.clock import Clock

_PART = "clock"
_WARN_SECONDS = 5
_FAIL_SECONDS = 300
_PATIENCE_SECONDS = 5
_REMEDY = "set the clocks by NTP"


def clock(name: str, ahead_us: int) -> Finding:
    """What it means that the clock of `name` is so far ahead of ours."""
    seconds = abs(ahead_us) / 1_000_000
    text = f"{name} is {seconds:.1f} s {'ahead' if ahead_us > 0 else 'behind'}"
    if seconds > _FAIL_SECONDS:
        return failed(_PART, f"{text}: signatures will be refused", _REMEDY)
    if seconds > _WARN_SECONDS:
        return warning(_PART, text, _REMEDY)
    return ok(_PART, f"{name} and this machine agree within {max(1, math.ceil(seconds))} s")


def bucket_ahead(options: S3Options, time_here: Clock) -> int | None:
    """How far the clock of the bucket's service is ahead, in microseconds, by an answer that needs no signature.

    For a service that refuses what we sign. None where it gives no answer.
    """
    url = urllib.parse.urlsplit(options.endpoint or f"https://s3.{options.region}.amazonaws.com")
    connection: http.client.HTTPConnection
    if url.scheme == "https":
        connection = http.client.HTTPSConnection(url.netloc, timeout=_PATIENCE_SECONDS)
    else:
        connection = http.client.HTTPConnection(url.netloc, timeout=_PATIENCE_SECONDS)
    try:
        asked_us = time_here.now_us()
        connection.request("HEAD", "/")
        date = connection.getresponse().headers["Date"]
        answered_us = time_here.now_us()
        # A date is cut off to the second.
        there_us = int(email.utils.parsedate_to_datetime(date).timestamp() * 1_000_000) + 500_000
    except (OSError, ssl.SSLError, http.client.HTTPException, TypeError, ValueError):
        # Whether it can be reached is for the check of the bucket itself to say.
        return None
    finally:
        connection.close()
    off_us = there_us - (asked_us + answered_us) // 2
    return 0 if abs(off_us) <= 500_000 else off_us
