"""Group commit: many writers, one sync, one transaction.

A caller brings sealed frames and what is to be recorded about them, and waits. A lane takes everything that is waiting
for the same purpose, makes its frames durable in packs, runs all the steps in one durable transaction, and wakes the
callers. While it does so the next group gathers by itself, so that nobody has to wait for company: a lone caller's
group is its own. One lane is one thread; a catalog that runs transactions in parallel has several.

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
from typing import Any, Generic, NamedTuple, TypeVar, cast

from holdfast.chunks.commit_options import CommitOptions
from holdfast.chunks.gathering import Gathering, Ticket
from holdfast.chunks.port import FrameWriter, Location, NoRoomKept, Room, SealedFrame, Transactions
from holdfast.model.errors import DiskFull, Internal, ServiceError, Unavailable, WriterEnded
from holdfast.model.outcome import Outcome
from holdfast.model.purpose import Purpose

Tx = TypeVar("Tx")
R = TypeVar("R")


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


class _Attempt(NamedTuple):
    answers: list[tuple[Ticket, Outcome]]
    frames: Sequence[SealedFrame]
    error: BaseException | None
    """What failed the whole group."""


class GroupCommit(Generic[Tx]):
    """Starts its threads when made; `close` ends them. Safe for any number of callers."""

    def __init__(
        self,
        packs: FrameWriter[Tx],
        transactions: Transactions[Tx],
        options: CommitOptions | None = None,
        *,
        lanes: int = 1,
        room: Room | None = None,
        begin_anew: Callable[[], bool] = lambda: False,
        observe: Callable[[GroupReport], None] | None = None,
    ) -> None:
        """`lanes`: groups under way at a time; more than one only where the transactions may run in parallel.

        `begin_anew` is called when this process was taken for dead: whether it may go on under another number. The
        group is then written anew from its frames on.
        """
        self._packs = packs
        self._transactions = transactions
        self._room: Room = NoRoomKept() if room is None else room
        self._begin_anew = begin_anew
        self._observe = observe
        self._gathering = Gathering(options or CommitOptions())
        self._threads = [threading.Thread(target=self._run, name=f"commit-{n}", daemon=True) for n in range(lanes)]
        for thread in self._threads:
            thread.start()

    def submit(
        self,
        frames: Sequence[SealedFrame],
        apply: Callable[[Tx, Sequence[Location]], R],
        purpose: Purpose = Purpose.CHANGE,
    ) -> R:
        """What `apply` returned, once `frames` and everything that `apply` did in its transaction survive a power cut.

        `apply` runs on a committing thread, perhaps more than once, and gets the locations of `frames` in order. An
        exception of its own undoes its step alone and is raised here. Unavailable if the disk or the database refuse,
        or after `close`: then nothing of this call is promised, and it may be made again. What is urgent by its
        `purpose` goes on when the disk is full; anything else is then refused with DiskFull.
        """
        ticket = Ticket(frames, apply, purpose)
        if not self._gathering.add(ticket):
            raise Unavailable("the store is stopping: try again when it is back")
        ticket.done.acquire()
        if ticket.error is not None:
            raise ticket.error
        return cast(R, ticket.value)

    def close(self) -> None:
        """Answer everyone who is waiting, then end. Later calls of `submit` are refused."""
        self._gathering.close()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while group := self._gathering.take():
            self._commit(group)

    def _commit(self, group: list[Ticket]) -> None:
        began = time.perf_counter()
        attempt = self._attempt_with_room(group)
        report = GroupReport(
            len(group),
            len(attempt.frames),
            sum(frame.frame_bytes for frame in attempt.frames),
            time.perf_counter() - began,
            attempt.error is not None,
        )
        for ticket, outcome in attempt.answers:
            ticket.value, ticket.error = outcome.value, outcome.error
            ticket.done.release()
        if self._observe is not None:
            # Nobody may be left waiting because the one who watches fell over.
            with contextlib.suppress(Exception):
                self._observe(report)

    def _attempt_with_room(self, group: list[Ticket]) -> _Attempt:
        urgent = group[0].purpose.is_urgent
        if not self._room.ensure() and not urgent:
            shortage = self._room.shortage()
            return _Attempt([(ticket, Outcome(error=_refusal(shortage))) for ticket in group], (), _refusal(shortage))
        attempt = self._attempt(group)
        if isinstance(attempt.error, DiskFull):
            again = urgent and self._room.release()
        else:
            again = isinstance(attempt.error, WriterEnded) and self._begin_anew()
        if again:
            attempt = self._attempt(group)
        return attempt

    def _attempt(self, group: list[Ticket]) -> _Attempt:
        """Packs and transaction for all of `group`, and everybody's answer."""
        frames: dict[tuple[bytes, bytes], SealedFrame] = {}
        locations: list[Location] = []
        try:
            frames = _distinct(group)
            locations = self._write(list(frames.values()))
            places = dict(zip(frames, locations, strict=True))
            for ticket in group:
                ticket.locations = [places[_key(frame)] for frame in ticket.frames]
            steps: list[Callable[[Tx], object]] = [ticket.step for ticket in group]
            last = self._packs.last_step(locations)
            outcomes = self._transactions.run([*steps, last] if last else steps, group[0].purpose)
            if last is not None and (failed := outcomes.pop().error) is not None:
                raise failed
            return _Attempt(list(zip(group, outcomes, strict=True)), list(frames.values()), None)
        except BaseException as error:  # noqa: BLE001 - whatever it was, nobody may be left waiting
            if isinstance(error, WriterEnded):
                self._packs.discard(locations)
            answers = [(ticket, Outcome(error=_fresh(error))) for ticket in group]
            return _Attempt(answers, list(frames.values()), error)
        finally:
            self._packs.settle(locations)

    def _write(self, frames: list[SealedFrame]) -> list[Location]:
        if not frames:
            return []
        try:
            return self._packs.write_group(frames)
        except WriterEnded:
            raise
        except Unavailable:
            # The packs that failed are abandoned; these frames are unacknowledged, so they are written anew into
            # fresh ones.
            return self._packs.write_group(frames)


def _key(frame: SealedFrame) -> tuple[bytes, bytes]:
    return frame.vault, frame.chunk_id


def _distinct(group: list[Ticket]) -> dict[tuple[bytes, bytes], SealedFrame]:
    """The group's frames without repetitions: of one chunk of one vault the first frame serves all."""
    frames: dict[tuple[bytes, bytes], SealedFrame] = {}
    for ticket in group:
        for frame in ticket.frames:
            frames.setdefault(_key(frame), frame)
    return frames


def _refusal(shortage: str) -> DiskFull:
    return DiskFull(
        f"the disk of the store has no room for the reserve yet ({shortage}): free space, or delete recovery points or"
        " stop abandoned jobs (`holdfast job list --state RUNNING`) and run `holdfast gc`; until then"
        " nothing new is taken, and nothing acknowledged is lost"
    )


def _fresh(error: BaseException) -> BaseException:
    """An error for one caller of a failed group: each its own, since one object raised in many threads mixes traces."""
    fresh: Any = type(error)(error.message) if isinstance(error, ServiceError) else Internal("a group commit failed")
    fresh.__cause__ = error
    return cast(BaseException, fresh)
