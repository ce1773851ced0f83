"""What a worker is, and what it is given."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from holdfast.catalog.transaction import Tx

R = TypeVar("R")


class Worker(Protocol):
    """Does one small piece of some chore at a time."""

    def step(self, now_us: int) -> bool:
        """Whether there was something to do. Raises ServiceError when our side cannot; the next step may."""
        ...


class Reader(Protocol):
    """Gives consistent views of the catalog."""

    def snapshot(self) -> AbstractContextManager[Tx]: ...


class Writes(Protocol):
    """Runs a step in a durable transaction."""

    def submit(self, frames: tuple[()], apply: Callable[[Tx, object], R]) -> R: ...
