"""Every system call that changes the disk, of a backup, a commit, a gc and a compaction, refused or shortened in turn.

The faults are in `faults`, the scenarios in `scenarios`, what happens after a fault in `aftermath`. Needs Linux on
x86-64 and leave to trace a child of one's own; says so where it has not.
"""

from torture.lanes import run_lanes
from torture.section import Budget, Figures, Report

NAME = "system call faults"


def run(budget: Budget, report: Report) -> Figures:
    """Faults for the budget's seconds, and at least `budget.rounds_min`."""
    return run_lanes(NAME, "torture.syscall_lane", budget, report, rounds="faults injected")
