"""Trying again: with pauses that grow and are drawn by lot, so that those who failed together do not return together.

The client library can retry too, and is told not to. It signs a request once and sends it again with a time that has
gone stale; it gives up on throttling that is no 5xx; and it does not say whether an earlier attempt may have been
carried out, which a create-only write must know.
"""

import secrets
import time
from collections.abc import Callable
from typing import TypeVar

from holdfast.blobs.s3_errors import Kind, Trouble

_FIRST_PAUSE_SECONDS = 0.05
_LARGEST_PAUSE_SECONDS = 2.0
_LOTS = 1 << 20

Result = TypeVar("Result")


class GaveUp(Exception):
    """No attempt succeeded. Stays within blobs/, where it is turned into one of our errors."""

    def __init__(self, trouble: Trouble, *, in_doubt: bool) -> None:
        super().__init__(trouble.words)
        self.trouble = trouble
        self.in_doubt = in_doubt
        """An attempt before the last may have been carried out."""


class Patience:
    """Repeats attempts for `seconds`, twice at least. Safe for many threads."""

    def __init__(
        self,
        seconds: float,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        draw: Callable[[int], int] = secrets.randbelow,
    ) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._sleep = sleep
        self._draw = draw

    def run(
        self,
        attempt: Callable[[], Result],
        understand: Callable[[Exception], Trouble],
        errors: tuple[type[Exception], ...],
    ) -> Result:
        """What `attempt` returns; of what it raises, `errors` may be tried again. Raises GaveUp."""
        ends_at = self._monotonic() + self._seconds
        in_doubt = False
        pause_max = _FIRST_PAUSE_SECONDS
        failed = 0
        while True:
            try:
                return attempt()
            except errors as error:
                trouble = understand(error)
            failed += 1
            pause = pause_max * self._draw(_LOTS) / _LOTS
            is_over = failed > 1 and self._monotonic() + pause > ends_at
            if trouble.kind is not Kind.PASSING or is_over:
                # Without the library's text as the cause: see s3_errors.
                raise GaveUp(trouble, in_doubt=in_doubt) from None
            in_doubt = in_doubt or trouble.in_doubt
            self._sleep(pause)
            pause_max = min(2 * pause_max, _LARGEST_PAUSE_SECONDS)
