"""A section whose process is killed."""

import os
import signal

from torture.section import Budget, Figures, Report

NAME = "dead"


def run(budget: Budget, report: Report) -> Figures:
    os.kill(os.getpid(), signal.SIGKILL)
    return Figures(NAME)
