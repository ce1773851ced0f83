"""A section with a defect."""

from torture.section import Budget, Figures, Report

NAME = "faller"


def run(budget: Budget, report: Report) -> Figures:
    raise ZeroDivisionError("a defect of the section")
