"""How results are shown: aligned columns for people, JSON with AWS's own names for programs.

Everything that a command writes goes through here, so that nothing of what others named or said reaches the terminal
but as text (model/printable.py).
"""

import datetime
import shlex
import sys
from collections.abc import Iterable, Sequence

from holdfast.model.printable import printable, printable_json, printable_lines
from holdfast.observe import standard_streams

DONE, FAILED, USAGE, PARTLY = 0, 1, 2, 3
"""Exit codes (contract 2)."""


class UsageError(Exception):
    """What was typed cannot be done as typed; the message says what to type instead."""


def say(text: str = "", *, flush: bool = False) -> None:
    """One line on stdout."""
    print(printable(text), flush=flush)


def print_json(value: object) -> None:
    """`value` (answers, lists and dictionaries of them) as indented JSON, absent members left out."""
    import msgspec

    plain = _without_none(msgspec.to_builtins(value))
    print(printable_json(msgspec.json.format(msgspec.json.encode(plain), indent=2).decode("utf-8")))


def print_json_line(value: object) -> None:
    """`value` as JSON on one line, everything in it."""
    import msgspec

    print(printable_json(msgspec.json.encode(value).decode("utf-8")))


def print_table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows in aligned columns under their titles; None is shown as a dash."""
    table = [list(titles), *(["-" if cell is None else printable(str(cell)) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(titles))]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """One `name: value` a line; what is None is left out."""
    present = [(name, value) for name, value in facts if value is not None]
    width = max((len(name) for name, _ in present), default=0)
    for name, value in present:
        say(f"{name + ':':{width + 1}}  {value}")


def when(seconds: float | None) -> str | None:
    """A time of the wire (seconds since 1970) as local time with its offset; `@SECONDS` beyond the calendar."""
    if seconds is None:
        return None
    try:
        return datetime.datetime.fromtimestamp(seconds).astimezone().isoformat(sep=" ", timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return f"@{seconds:.0f}"


def size(count: int | None) -> str | None:
    """A number of bytes in the largest unit that keeps it above one."""
    if count is None:
        return None
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} PiB"


def warn(message: str) -> None:
    """One line on stderr."""
    standard_streams.complain(f"holdfast: {printable(message)}")


def complain(message: str) -> None:
    """As `warn`, for a message that may have several lines of ours."""
    standard_streams.complain(f"holdfast: {printable_lines(message)}")


def note(text: str) -> None:
    """Lines on stderr that are read as they stand."""
    standard_streams.complain(printable_lines(text))


def show_progress(line: str) -> None:
    """How far work has come, on a terminal's stderr in place of the line before; an empty line removes it."""
    print(f"\r\x1b[K{printable(line)}", end="", file=sys.stderr, flush=True)


def warn_missing(paths: Iterable[str], source: str) -> None:
    """One line for each path that was asked for and is not in the recovery point."""
    for path in paths:
        warn(f"{path!r} is not in the recovery point: 'holdfast ls --source {shlex.quote(source)}' lists what is")


def _without_none(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_none(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_none(each) for each in value]
    return value
