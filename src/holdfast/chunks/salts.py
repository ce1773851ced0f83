"""Random salts for frames, fetched from the system many at a time: a system call for each small object shows.

What is always true here: every 32 bytes that the system gave are handed out once, whatever the threads do.
"""

from collections.abc import Callable

from holdfast.packfile.layout import SALT_BYTES

_FETCHED_AT_ONCE = 512


class Salts:
    """Safe for many threads: `list.pop` takes an element from one caller only."""

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._ready: list[bytes] = []

    def next(self) -> bytes:
        """32 random bytes that nobody else gets."""
        try:
            return self._ready.pop()
        except IndexError:
            block = self._random(SALT_BYTES * _FETCHED_AT_ONCE)
            fresh = [block[start : start + SALT_BYTES] for start in range(0, len(block), SALT_BYTES)]
            salt = fresh.pop()
            self._ready.extend(fresh)
            return salt
