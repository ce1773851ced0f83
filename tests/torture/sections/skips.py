"""A section that cannot run anywhere."""

from torture.section import Budget, Figures, Report

NAME = "skipper"


def run(budget: Budget, report: Report) -> Figures:
    return Figures(NAME, skipped="there is no such machine")
