"""A section that does nothing, well."""

from torture.section import Budget, Figures, Report

NAME = "nothing"


def run(budget: Budget, report: Report) -> Figures:
    report(f"{NAME} with {budget.processes} processes")
    return Figures(NAME, {"things done": 1234}, seconds=budget.spent())
