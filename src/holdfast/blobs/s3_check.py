"""Tries out a bucket: everything the store will be asked for, on small blobs of its own below `probe/`.

They are removed again; what a crash leaves of them is rubbish under a name that nobody reads.
"""

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from holdfast.blobs.s3 import OutOfOrder, S3Blobs
from holdfast.model.clock import Clock
from holdfast.model.errors import AlreadyExists, HoldfastError, NotFound, Unavailable

PREFIX = "probe/"

_DATA = bytes(range(256)) * 16
_OTHER = b"other"
_CLOCK_SECONDS_MAX = 60.0  # S3 refuses requests from 15 minutes on


@dataclass(frozen=True, slots=True)
class BucketFindings:
    """What was found out about a bucket that can be read and written."""

    refuses_taken_names: bool
    """A create-only write of a name that exists is refused, as two nodes that choose one name need it."""
    lists_in_order: bool
    """Names are listed in ascending order of their bytes."""
    keeps_versions: bool
    """What is deleted stays, as an older version, and keeps costing room."""
    put_seconds: float
    get_seconds: float
    """Of a blob of 4 KiB; the first request of all also opens the connection."""
    clock_ahead_seconds: float
    """How far the store's clock is ahead of this machine's, to about a second."""

    @property
    def complaints(self) -> tuple[str, ...]:
        """What an administrator should mend, a sentence each."""
        found = {
            "it writes over names that are taken although told not to (If-None-Match): two nodes could overwrite each"
            " other's keys; use a store that knows conditional writes": not self.refuses_taken_names,
            "it does not list names in order: `holdfast rebuild` and checks of the whole store will not work; use a"
            " general-purpose bucket": not self.lists_in_order,
            "it keeps older versions of what is deleted, so collecting frees no room: turn versioning off, or let a"
            " lifecycle rule expire noncurrent versions": self.keeps_versions,
            f"its clock and this machine's differ by {abs(self.clock_ahead_seconds):.0f} s: let both keep time (NTP);"
            " from 15 minutes on it refuses every request": abs(self.clock_ahead_seconds) > _CLOCK_SECONDS_MAX,
        }
        return tuple(sentence for sentence, applies in found.items() if applies)


def probe(
    blobs: S3Blobs,
    *,
    clock: Clock,
    random: Callable[[int], bytes] = os.urandom,
    monotonic: Callable[[], float] = time.monotonic,
) -> BucketFindings:
    """Raises Unavailable where the bucket cannot be used at all, saying which step failed."""
    below = f"{PREFIX}{random(16).hex()}/"
    # In the order of their bytes; a store that keeps directories would put the second first.
    names = [f"{below}a-b", f"{below}a/b"]
    try:
        found = _try_out(blobs, below, names, clock, monotonic)
    except BaseException:
        # What went wrong first is the news, not that the probe cannot be removed either.
        with contextlib.suppress(HoldfastError):
            _remove(blobs, names)
        raise
    _remove(blobs, names)
    return found


def _try_out(
    blobs: S3Blobs, below: str, names: list[str], clock: Clock, monotonic: Callable[[], float]
) -> BucketFindings:
    first, second = names
    began_us, began = clock.now_us(), monotonic()
    blobs.put(first, _DATA)
    put_seconds, middle_us = monotonic() - began, (began_us + clock.now_us()) // 2
    began = monotonic()
    _must_be(blobs.get(first) == _DATA, blobs, "gives back other bytes than it was given")
    get_seconds = monotonic() - began
    facts = blobs.facts(first)
    assert facts is not None, "it is not empty"
    blobs.put(second, _DATA)
    _must_be(blobs.read(second, 100, 50) == _DATA[100:150], blobs, "gives other bytes than the range asked for")
    _must_be(blobs.read(second, len(_DATA), 1) == b"", blobs, "gives bytes behind the end of an object")
    return BucketFindings(
        refuses_taken_names=_refuses(blobs, first),
        lists_in_order=_lists(blobs, below, names),
        keeps_versions=facts.version not in (None, "null"),
        put_seconds=put_seconds,
        get_seconds=get_seconds,
        # The store tells whole seconds, cut off.
        clock_ahead_seconds=(facts.written_us + 500_000 - middle_us) / 1e6,
    )


def _remove(blobs: S3Blobs, names: list[str]) -> None:
    for name in names:
        blobs.delete(name)
        _must_be(_is_gone(blobs, name), blobs, "still shows an object that was deleted")


def _refuses(blobs: S3Blobs, name: str) -> bool:
    try:
        blobs.put(name, _OTHER)
    except AlreadyExists:
        return True
    return False


def _lists(blobs: S3Blobs, below: str, names: list[str]) -> bool:
    try:
        found = list(blobs.list(below))
    except OutOfOrder:
        return False
    _must_be(found == names, blobs, "does not list objects that were written just now")
    return True


def _is_gone(blobs: S3Blobs, name: str) -> bool:
    try:
        blobs.size(name)
    except NotFound:
        return True
    return False


def _must_be(condition: bool, blobs: S3Blobs, otherwise: str) -> None:
    if not condition:
        raise Unavailable(f"{blobs.options.place} {otherwise}: nothing can be kept there safely")
