"""A section that finds a loss."""

from torture.section import Budget, Figures, Report

NAME = "loser"


def run(budget: Budget, report: Report) -> Figures:
    return Figures(NAME, {"things done": 1}, losses=(f"seed {budget.seed}: everything is gone",))
