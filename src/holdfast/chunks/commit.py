"""Group commit: many writers, one sync, one transaction.

A caller brings sealed frames and what is to be recorded about them, and waits. One thread takes everything that is
waiting, appends it to the packs, syncs them, runs all the steps in one durable transaction, and wakes the callers.
While it does so the next group gathers by itself, so that nobody ever waits for company: a lone caller's group is its
own.

What is always true here: a step runs only after its frames are durable; a caller is answered only after the
transaction that holds its step is. A failed group leaves frames that no transaction mentions, which is harmless, and
never the reverse. On a full disk only urgent work is done, that which frees room or only looks: it may use the reserve,
and nothing else is taken until the reserve is whole again. So deletions and collection find room, however hard others
write.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, cast

from holdfast.chunks.port import Location, SealedFrame, Transactions
from holdfast.model.errors import DiskFull, Internal, ServiceError, Unavailable
from holdfast.model.limits import MIB
from holdfast.model.outcome import Outcome

Tx = TypeVar("Tx")
R = TypeVar("R")

GROUP_BYTES_MAX_DEFAULT = 32 * MIB
GROUP_CALLERS_MAX_DEFAULT = 1024


class FrameWriter(Protocol):
    """Writes frames so that they survive a power cut when it returns (chunks.packs.PackSet)."""

    def write_group(self, frames: Sequence[SealedFrame]) -> list[Location]: ...


class Room(Protocol):
    """Room on the disk that is kept back for urgent work (blobs.reserve.Reserve)."""

    def ensure(self) -> bool:
        """Whether all of it is kept, after an attempt to make it so; ordinary work is refused while it is not."""

    def release(self) -> bool:
        """Give it to those who write; False if there was none to give."""


class _NoRoomKept:
    def ensure(self) -> bool:
        return True

    def release(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class GroupReport:
    """What one group was: for whoever watches."""

    callers: int
    frames: int
    """Frames written; a chunk that came twice in the group counts once."""
    frame_bytes: int
    seconds: float
    """From taking the group to answering it: packs, sync and transaction."""
    failed: bool


class _Ticket:
    """One caller's place in a group. `done` is a lock held until the answer is there: the cheapest way to wait."""

    __slots__ = ("apply", "done", "error", "frame_bytes", "frames", "locations", "urgent", "value")

    def __init__(
        self, frames: Sequence[SealedFrame], apply: Callable[[Any, Sequence[Location]], object], urgent: bool
    ) -> None:
        self.urgent = urgent
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


class _Attempt(NamedTuple):
    answers: list[tuple[_Ticket, Outcome]]
    frames: Sequence[SealedFrame]
    error: BaseException | None
    """What failed the whole group."""


class GroupCommit(Generic[Tx]):
    """Starts its thread when made; `close` ends it. Safe for any number of callers."""

    def __init__(
        self,
        packs: FrameWriter,
        transactions: Transactions[Tx],
        *,
        group_bytes_max: int = GROUP_BYTES_MAX_DEFAULT,
        group_callers_max: int = GROUP_CALLERS_MAX_DEFAULT,
        room: Room | None = None,
        observe: Callable[[GroupReport], None] | None = None,
    ) -> None:
        """A group ends when nobody else is waiting, or with the frame or caller that reaches a maximum."""
        self._packs = packs
        self._transactions = transactions
        self._group_bytes_max = group_bytes_max
        self._group_callers_max = group_callers_max
        self._room: Room = _NoRoomKept() if room is None else room
        self._observe = observe
        self._closed = False
        self._closing = threading.Lock()
        self._waiting: SimpleQueue[_Ticket | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    def submit(
        self, frames: Sequence[SealedFrame], apply: Callable[[Tx, Sequence[Location]], R], urgent: bool = False
    ) -> R:
        """What `apply` returned, once `frames` and everything that `apply` did in its transaction survive a power cut.

        `apply` runs on the committing thread and gets the locations of `frames` in order. An exception of its own
        undoes its step alone and is raised here. Unavailable if the disk or the database refuse, or after `close`:
        then nothing of this call has happened, and it may be made again. `urgent` is for what must go on when the disk
        is full (deleting, collecting, what a reader needs); anything else is then refused with DiskFull.
        """
        ticket = _Ticket(frames, apply, urgent)
        with self._closing:
            if self._closed:
                raise Unavailable("the store is stopping: try again when it is back")
            self._waiting.put(ticket)
        ticket.done.acquire()
        if ticket.error is not None:
            raise ticket.error
        return cast(R, ticket.value)

    def close(self) -> None:
        """Answer everyone who is waiting, then end. Later calls of `submit` are refused."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        last = False
        while not last:
            first = self._waiting.get()
            if first is None:
                return
            group, last = self._gather(first)
            self._commit(group)

    def _gather(self, first: _Ticket) -> tuple[list[_Ticket], bool]:
        """Everyone who waits now, up to the maxima, and whether `close` was met."""
        group = [first]
        frame_bytes = first.frame_bytes
        while frame_bytes < self._group_bytes_max and len(group) < self._group_callers_max:
            if self._waiting.empty():
                break
            ticket = self._waiting.get()
            if ticket is None:
                return group, True
            group.append(ticket)
            frame_bytes += ticket.frame_bytes
        return group, False

    def _commit(self, group: list[_Ticket]) -> None:
        began = time.perf_counter()
        attempt = self._attempt(group if self._room.ensure() else [ticket for ticket in group if ticket.urgent])
        answers = attempt.answers
        if isinstance(attempt.error, DiskFull):
            urgent = [ticket for ticket, _ in answers if ticket.urgent]
            if urgent and self._room.release():
                answers = [(ticket, outcome) for ticket, outcome in answers if not ticket.urgent]
                attempt = self._attempt(urgent)
                answers += attempt.answers
        if len(answers) < len(group):
            answers += [(ticket, Outcome(error=_refusal())) for ticket in group if not ticket.urgent]
        report = GroupReport(
            len(group),
            len(attempt.frames),
            sum(frame.frame_bytes for frame in attempt.frames),
            time.perf_counter() - began,
            attempt.error is not None,
        )
        for ticket, outcome in answers:
            ticket.value, ticket.error = outcome.value, outcome.error
            ticket.done.release()
        if self._observe is not None:
            # Nobody may be left waiting because the one who watches fell over.
            with contextlib.suppress(Exception):
                self._observe(report)

    def _attempt(self, group: list[_Ticket]) -> _Attempt:
        """Packs and transaction for all of `group`, and everybody's answer."""
        frames: dict[tuple[bytes, bytes], SealedFrame] = {}
        try:
            frames = _distinct(group)
            places = self._write(list(frames.values()))
            for ticket in group:
                ticket.locations = [places[_key(frame)] for frame in ticket.frames]
            outcomes = self._transactions.run([ticket.step for ticket in group]) if group else []
            return _Attempt(list(zip(group, outcomes, strict=True)), list(frames.values()), None)
        except BaseException as error:  # noqa: BLE001 - whatever it was, nobody may be left waiting
            answers = [(ticket, Outcome(error=_fresh(error))) for ticket in group]
            return _Attempt(answers, list(frames.values()), error)

    def _write(self, frames: list[SealedFrame]) -> dict[tuple[bytes, bytes], Location]:
        if not frames:
            return {}
        try:
            locations = self._packs.write_group(frames)
        except Unavailable:
            # The packs that failed are abandoned; these frames are unacknowledged, so they are written anew into
            # fresh ones.
            locations = self._packs.write_group(frames)
        return {_key(frame): location for frame, location in zip(frames, locations, strict=True)}


def _key(frame: SealedFrame) -> tuple[bytes, bytes]:
    return frame.vault, frame.chunk_id


def _distinct(group: list[_Ticket]) -> dict[tuple[bytes, bytes], SealedFrame]:
    """The group's frames without repetitions: of one chunk of one vault the first frame serves all."""
    frames: dict[tuple[bytes, bytes], SealedFrame] = {}
    for ticket in group:
        for frame in ticket.frames:
            frames.setdefault(_key(frame), frame)
    return frames


def _refusal() -> DiskFull:
    return DiskFull(
        "the disk of the store has been full and has no room for the reserve yet: free space, or delete recovery points"
        " and run `holdfast gc`; until then nothing new is taken, and nothing acknowledged is lost"
    )


def _fresh(error: BaseException) -> BaseException:
    """An error for one caller of a failed group: each its own, since one object raised in many threads mixes traces."""
    fresh = type(error)(error.message) if isinstance(error, ServiceError) else Internal("a group commit failed")
    fresh.__cause__ = error
    return fresh
