"""kill -9 at random moments under load, thousands of times over the same stores; after each, every acknowledgement.

What is done to a store between two kills is in `crew`, what is checked after each in `check`, the killing in
`kill_lane`.
"""

from collections.abc import Sequence

from torture.ground import SharedGround
from torture.lanes import run_lanes
from torture.section import Budget, Figures, Report

NAME = "kill -9"


def run(budget: Budget, report: Report) -> Figures:
    """Kills for the budget's seconds, and at least `budget.rounds_min` times."""
    return run_lanes(NAME, "torture.kill_lane", budget, report, rounds="kills", per_process=2)


def run_shared(budget: Budget, report: Report, grounds: Sequence[SharedGround]) -> Figures:
    """The same on databases that nobody else uses, one for each lane."""
    return run_lanes(NAME, "torture.kill_lane", budget, report, rounds="kills", grounds=grounds)
