"""Power cuts: a store on a disk of its own, which forgets at random moments everything that was not synced.

The disk is an ext4 image on a loop device, shut down by FS_IOC_SHUTDOWN without a flush of its log (`loop_disk`). Needs
root and loop devices, and says so where they are missing; `crash_states` works everywhere.
"""

from torture.lanes import run_lanes
from torture.section import Budget, Figures, Report

NAME = "power cuts"


def run(budget: Budget, report: Report) -> Figures:
    """Cuts for the budget's seconds, and at least `budget.rounds_min` times."""
    return run_lanes(NAME, "torture.power_lane", budget, report, rounds="power cuts", per_process=2)
