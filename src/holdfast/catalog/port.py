"""What the rest of the system asks of a catalog, whatever the database.

Every implementation passes the same tests: those of the service, by parameter.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from holdfast.catalog.transaction import Tx
from holdfast.model.outcome import Outcome
from holdfast.model.purpose import Purpose


class Catalog(Protocol):
    """A database that is open. Errors: Unavailable where it cannot be reached or refuses, Transient for a lost race."""

    @property
    def parallel(self) -> bool:
        """Whether `run` may be called by several threads at a time; else by one."""
        ...

    def run(self, steps: Sequence[Callable[[Tx], object]], purpose: Purpose = Purpose.CHANGE) -> list[Outcome]:
        """All steps in one transaction, each undone alone if it raises; returns once that is durable.

        A step may be run more than once before it counts, so it changes nothing outside of its transaction that could
        not be changed twice. Raises Unavailable (DiskFull: for want of room) or Transient, and then no step happened;
        or, where the answer to the commit itself was lost, nobody can say whether they did.
        """
        ...

    def snapshot(self) -> AbstractContextManager[Tx]:
        """A consistent read-only view; sees every transaction that was reported before. One at a time in a thread."""
        ...

    def fence(self, writer_no: int) -> None:
        """From here on every transaction is that writer's, and is refused once the writer has ended."""
        ...

    def ping(self, seconds_max: float) -> None:
        """Returns if the database answers; by a way of its own, so that it need not wait for the requests under way.

        Raises Unavailable where it does not within about so many seconds.
        """
        ...

    def close(self) -> None:
        """Lets go of all connections."""
        ...
