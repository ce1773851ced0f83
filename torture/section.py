"""What a section of a torture run is given, and what it gives back.

A section is a module of this package with

    NAME  = "kill -9"                what the report calls it
    def run(budget: Budget, report: Report) -> Figures

It attacks the store in its own way until its seconds are over, and counts. What always holds: a section that returns
`Figures` without losses has checked everything that it counts; it takes all randomness from `budget.seed`, works only
below `budget.folder`, and keeps there what shows a loss.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

Report = Callable[[str], None]
"""Prints one line of progress; from any thread."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How long a section may run, on what, and where."""

    seconds: float
    """A section ends soon after these, counted from the making of the budget."""
    seed: int
    """The same seed and code give the same attacks, as far as threads and the kernel allow."""
    folder: Path
    """A directory of the section's own, which exists; removed by whoever made it unless there are losses."""
    processes: int = 1
    """How many processes the section may keep busy at a time."""
    rounds_min: int = 0
    """Rounds (kills, cuts, states...) that a section should reach even if its seconds are over."""
    began: float = field(default_factory=time.monotonic)

    def left(self) -> float:
        """Seconds left; 0 when they are over."""
        return max(0.0, self.began + self.seconds - time.monotonic())

    def spent(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.began

    def goes_on(self, rounds: int) -> bool:
        """Whether to begin another round after `rounds` of them."""
        return rounds < self.rounds_min or self.left() > 0


@dataclass(frozen=True, slots=True)
class Figures:
    """What a section did. Exactly one of these holds: it was skipped; it has losses; it passed."""

    name: str
    counts: Mapping[str, int] = field(default_factory=dict)
    """What was done and checked, in words of the report: {"kills": 10000, "acknowledgements checked": 2000000}."""
    losses: tuple[str, ...] = ()
    """One line each: what was lost or wrong, with the seed, and where the evidence is kept."""
    seconds: float = 0.0
    skipped: str | None = None
    """Why the section cannot run here, in one line."""

    @property
    def passed(self) -> bool:
        """Whether nothing was lost. A skipped section passes; it proves nothing and the report says so."""
        return not self.losses


class Section(Protocol):
    """The shape of a section's module."""

    NAME: str

    @staticmethod
    def run(budget: Budget, report: Report) -> Figures:
        """Attack until the budget is used up or something is lost."""
        ...
