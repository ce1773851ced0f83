"""Who waits for a commit, and who is taken together.

A group is what waits for one purpose, in the order of arrival, up to the maxima; so what must run alone keeps nobody
else from sharing. A group whose predecessor had company may wait a little for more of it, where an option says so; who
comes alone never waits.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from holdfast.chunks.commit_options import CommitOptions
from holdfast.chunks.port import Location, SealedFrame
from holdfast.model.purpose import Purpose


class Ticket:
    """One caller's place in a group. `done` is a lock held until the answer is there: the cheapest way to wait."""

    __slots__ = ("apply", "done", "error", "frame_bytes", "frames", "locations", "purpose", "value")

    def __init__(
        self, frames: Sequence[SealedFrame], apply: Callable[[Any, Sequence[Location]], object], purpose: Purpose
    ) -> None:
        self.purpose = purpose
        self.frames = frames
        self.frame_bytes = sum([frame.frame_bytes for frame in frames])
        self.apply = apply
        self.locations: list[Location] = []
        self.value: object = None
        self.error: BaseException | None = None
        self.done = threading.Lock()
        self.done.acquire()

    def step(self, tx: Any) -> object:
        return self.apply(tx, self.locations)


class Gathering:
    """The queue before the lanes. Safe for any number of callers and lanes."""

    def __init__(self, options: CommitOptions) -> None:
        self._options = options
        self._waiting: deque[Ticket] = deque()
        self._changed = threading.Condition(threading.Lock())
        self._closed = False
        self._had_company = False

    def add(self, ticket: Ticket) -> bool:
        """Lets it wait for its group; False after `close`."""
        with self._changed:
            if self._closed:
                return False
            self._waiting.append(ticket)
            self._changed.notify()
        return True

    def take(self) -> list[Ticket]:
        """The next group, waiting for it; empty when closed and nobody waits any more."""
        with self._changed:
            while not self._waiting:
                if self._closed:
                    return []
                self._changed.wait()
            group = self._gather()
            until = time.monotonic() + self._options.window_seconds
            while self._had_company and not self._closed and self._has_room(group):
                left = until - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    break
                group += self._gather(group)
            self._had_company = len(group) > 1
            return group

    def close(self) -> None:
        """No more tickets; those that wait are still taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _has_room(self, group: Sequence[Ticket]) -> bool:
        size = sum([ticket.frame_bytes for ticket in group])
        return size < self._options.group_bytes_max and len(group) < self._options.group_callers_max

    def _gather(self, begun: Sequence[Ticket] = ()) -> list[Ticket]:
        """Those that wait for the purpose of `begun`, or else of the first one that waits, up to the maxima."""
        if not self._waiting:
            return []
        purpose = begun[0].purpose if begun else self._waiting[0].purpose
        frame_bytes = sum([ticket.frame_bytes for ticket in begun])
        count = len(begun)
        taken: list[Ticket] = []
        left: deque[Ticket] = deque()
        while self._waiting:
            full = frame_bytes >= self._options.group_bytes_max or count >= self._options.group_callers_max
            if full and (taken or begun):
                break
            ticket = self._waiting.popleft()
            if ticket.purpose is not purpose:
                left.append(ticket)
                continue
            taken.append(ticket)
            frame_bytes += ticket.frame_bytes
            count += 1
        self._waiting.extendleft(reversed(left))
        if self._waiting:
            # Somebody else's group: another lane may have slept through its arrival.
            self._changed.notify()
        return taken
