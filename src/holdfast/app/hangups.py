"""SIGHUP in a process that serves: it asks for a reload, and never ends the process.

It is what `systemctl reload`, certbot's hooks and logrotate send, and what comes when a terminal closes. It may come at
any moment of a life: before there is anything to reload it is kept, and when a stop has begun it means nothing.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Hangups:
    """Takes over the signal. For a process's main thread."""

    def __init__(self) -> None:
        self._act: Callable[[], object] | None = None
        self._is_pending = False
        # Not by the event loop, which would give the signal back when it ends, while the store is still being closed.
        signal.signal(signal.SIGHUP, self._came)

    def listen(self, act: Callable[[], object]) -> None:
        """Calls `act` in the main thread for each that comes, and now if one has come before."""
        self._act = act
        if self._is_pending:
            self._is_pending = False
            act()

    def _came(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - signal's signature
        if self._act is None:
            self._is_pending = True
        else:
            self._act()


@contextmanager
def held_back() -> Iterator[None]:
    """Processes that are started within this block keep a hangup for when they take it up (`accept_none`)."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


def accept_none() -> None:
    """In this process hangups mean nothing, and none that was held back ends it."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
