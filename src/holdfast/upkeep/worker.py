"""What a worker is, and what it is given."""

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from holdfast.catalog.transaction import Tx
from holdfast.chunks.port import Location, SealedFrame
from holdfast.model.purpose import Purpose

R = TypeVar("R")


class Worker(Protocol):
    """Does one small piece of some chore at a time."""

    def step(self, now_us: int) -> object:
        """What was done, if there was something to do; else None or False.

        Raises an error of model/errors when it cannot; the next step may.
        """
        ...


@dataclass(frozen=True, slots=True)
class InTurn:
    """A worker that shares a turn with others: no two of them are in a step at the same time."""

    worker: Worker
    turn: threading.Lock

    def step(self, now_us: int) -> object:
        with self.turn:
            return self.worker.step(now_us)


def name_of(worker: Worker) -> str:
    """What a worker is called in the log."""
    inner: object = worker
    while (wrapped := getattr(inner, "worker", None)) is not None:
        inner = wrapped
    return type(inner).__name__


class Reader(Protocol):
    """Gives consistent views of the catalog."""

    def snapshot(self) -> AbstractContextManager[Tx]: ...


class Writes(Protocol):
    """Makes frames durable and then runs a step in a durable transaction (chunks.commit.GroupCommit).

    `purpose` says what it may run beside, and whether it must also be possible on a full disk.
    """

    def submit(
        self,
        frames: Sequence[SealedFrame],
        apply: Callable[[Tx, Sequence[Location]], R],
        purpose: Purpose = Purpose.CHANGE,
    ) -> R: ...
