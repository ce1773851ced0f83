"""The head of a request while it is coming: it must be complete within a time and a size, on a kept connection too."""

import asyncio
from collections.abc import Callable

from holdfast.model.errors import InvalidInput
from holdfast.server.connection_options import ConnectionOptions
from holdfast.server.head_rules import Refused


class HeadWatch:
    """Belongs to one connection; `late` is called when the time is over."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, options: ConnectionOptions, seconds: float, late: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._options = options
        self._seconds = seconds
        self._late = late
        self._timer: asyncio.TimerHandle | None = None
        self._received_bytes = 0
        self.open = False
        """Whether a head has begun and is not complete."""
        self.fields_bytes = 0
        """Of the head that is open: what its target and headers take."""

    def begin(self) -> None:
        """The first byte of a head came."""
        self.open = True
        self.fields_bytes = 0

    def field(self, size: int) -> None:
        """A part of a head came. Raises Refused."""
        self.fields_bytes += size
        if self.fields_bytes > self._options.head_bytes_max:
            raise self._too_large()

    def complete(self) -> None:
        """The head is whole."""
        self.open = False
        self._received_bytes = 0

    def after_piece(self, size: int, *, idle: bool) -> None:
        """Either a head is complete and being answered, or its clock runs. Raises Refused."""
        if not (self.open or idle):
            self.disarm()
            return
        self._received_bytes += size
        if self._received_bytes > self._options.head_bytes_max * 2:  # one piece may hold the end of the body before it
            raise self._too_large()
        self.arm()

    def arm(self) -> None:
        """Start the clock, if it does not run."""
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._ring)

    def disarm(self) -> None:
        """Stop the clock."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def overdue(self) -> InvalidInput:
        """What to say when the time is over."""
        return InvalidInput(
            f"the head of the request was not complete after {self._seconds:g} seconds: send it at once"
        )

    def _ring(self) -> None:
        self._timer = None
        self._late()

    def _too_large(self) -> Refused:
        limit = self._options.head_bytes_max
        return Refused(
            "head",
            InvalidInput(f"the head of the request (path, query and headers) is over {limit} bytes: shorten it"),
        )
