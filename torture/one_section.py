"""Runs one section in a process of its own, so that a section may fork, hang or die without taking the others along.

Run as `python -m torture.one_section MODULE SECONDS SEED FOLDER PROCESSES ROUNDS_MIN RESULT`: progress goes to standard
output, one line each; the figures go to the file RESULT as JSON.
"""

import importlib
import sys
import traceback
from pathlib import Path

import msgspec

from torture.section import Budget, Figures
from torture.tether import die_with_parent


def main() -> int:
    """Run the section that the command line names; 0 whatever it found, as long as the figures are written."""
    module, seconds, seed, folder, processes, rounds_min, result = sys.argv[1:]
    die_with_parent()
    Path(folder).mkdir(parents=True, exist_ok=True)
    budget = Budget(float(seconds), int(seed), Path(folder), int(processes), int(rounds_min))
    name = module
    try:
        section = importlib.import_module(module)
        name = section.NAME
        figures = section.run(budget, lambda line: print(line, flush=True))
    except Exception:  # noqa: BLE001 - a section that falls over has proved nothing, and that must be seen
        figures = Figures(name, losses=(f"the section fell over: {traceback.format_exc()}",), seconds=budget.spent())
    Path(result).write_bytes(msgspec.json.encode(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
