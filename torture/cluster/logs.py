"""Judges what nodes logged: trouble with what was taken from them is expected, a defect is not.

A line is judged by its own words, never by when it was written: whatever database and bucket do, it must come out as
trouble that was understood, so that a traceback that ends with anything else is a finding at any time.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

_DEFECT_LEVELS = {"error", "critical"}
_SHOWN_MAX = 700
_TROUBLE = re.compile(r"holdfast\.model\.errors\.(Unavailable|Transient|WriterEnded)\b")
"""Errors that say that database or bucket are away, or that others took the node for dead."""
_SHELL = {"Killed", "Terminated"}
"""What the shell that holds a node's process says of its end."""


def findings(log: Path, counts: Counter[str]) -> list[str]:
    """Defects in a node's log, one line each, the same event once; `counts` gets the warnings by their event."""
    found: dict[str, str] = {}
    for line in _lines(log):
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            # What is not JSON did not come from the log: a traceback of the interpreter, a message of the system, or
            # why a node did not start. While the database is away it cannot.
            if line.startswith("holdfast: ") and "cannot be reached" in line:
                counts["did not start, the database or the bucket being away"] += 1
                continue
            found.setdefault(line[:60], f"{log}: {line[:_SHOWN_MAX]}")
            continue
        level = event.get("level", "")
        if _TROUBLE.match(_last_line(event)):
            counts[f"{event.get('event')}: {_last_line(event).partition(':')[0].rpartition('.')[2]}"] += 1
        elif "exception" in event or level in _DEFECT_LEVELS:
            found.setdefault(_kind(event), f"{log}: {line[:_SHOWN_MAX]}")
        elif level == "warning":
            counts[str(event.get("event"))] += 1
    return list(found.values())


def _lines(log: Path) -> Iterator[str]:
    with log.open(errors="replace") as lines:
        for line in lines:
            if line.strip() not in _SHELL | {""} and not line.startswith("holdfast: listening on "):
                yield line.rstrip("\n")


def _kind(event: dict[str, object]) -> str:
    return f"{event.get('event')} {event.get('level')} {_last_line(event)[:80]}"


def _last_line(event: dict[str, object]) -> str:
    """What a traceback ends with: the error that came out."""
    return str(event.get("exception", "")).strip().rpartition("\n")[2]
