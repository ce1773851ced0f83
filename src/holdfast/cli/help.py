"""How `--help` looks: plain text in columns, the same on a terminal, in a pipe and for a screen reader.

A paragraph is filled to the width of the terminal; a line that is indented stays as it is written (examples, tables).
"""

import shutil
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel

_WIDTH_MAX = 100
_COLUMN_MAX = 26


def print_root_help(name: str, description: str, commands: Sequence[tuple[str, str]]) -> None:
    """The page about the program: what it is for, and the line of each command.

    It must be the one that cyclopts makes with `PlainHelp`, which is not asked because it takes long to load.
    """
    width = _width()
    _print_usage(f"{name} COMMAND")
    _print_description(description, width)
    flags = [("--help, -h", "Display this message and exit."), ("--version", "Display application version.")]
    _print_rows("Commands", [*sorted(commands), *flags], width)


class PlainHelp:
    """What cyclopts asks of a help formatter."""

    def __init__(self) -> None:
        self._width = _width()

    def render_usage(self, console: Any, options: Any, usage: Any) -> None:  # noqa: ARG002 - cyclopts' signature
        if usage:
            _print_usage(_plain(usage).strip())

    def render_description(self, console: Any, options: Any, description: Any) -> None:  # noqa: ARG002 - as above
        if description:
            _print_description(_plain(description), self._width)

    def __call__(self, console: Any, options: Any, panel: "HelpPanel") -> None:  # noqa: ARG002 - as above
        rows = [(_label(entry), _explain(entry)) for entry in panel.entries]
        _print_rows("Options" if panel.title == "Parameters" else _plain(panel.title), rows, self._width)


def fill(text: str, width: int) -> str:
    """`text` with its paragraphs filled to `width`; lines that are indented are left alone."""
    blocks = []
    for block in text.strip("\n").split("\n\n"):
        kept = any(line.startswith(" ") for line in block.splitlines())
        blocks.append(block if kept else textwrap.fill(" ".join(block.split()), width))
    return "\n\n".join(blocks)


def _width() -> int:
    return min(_WIDTH_MAX, shutil.get_terminal_size().columns)


def _print_usage(text: str) -> None:
    print(text if text.startswith("Usage:") else f"Usage: {text}")
    print()


def _print_description(text: str, width: int) -> None:
    print(fill(text, width))
    print()


def _print_rows(title: str, rows: Sequence[tuple[str, str]], width: int) -> None:
    if not rows:
        return
    column = min(_COLUMN_MAX, max(len(label) for label, _ in rows))
    print(f"{title}:")
    for label, text in rows:
        lines = textwrap.wrap(text, max(20, width - column - 4)) or [""]
        if len(label) > column:
            print(f"  {label}")
        else:
            print(f"  {label:{column}}  {lines.pop(0)}".rstrip())
        for line in lines:
            print(f"  {'':{column}}  {line}")
    print()


def _label(entry: "HelpEntry") -> str:
    return ", ".join(entry.display_labels_with_metavar)


def _explain(entry: "HelpEntry") -> str:
    parts = [_plain(entry.description)]
    if entry.choices:
        parts.append(f"One of {', '.join(entry.choices)}.")
    if entry.default not in (None, "()", "False"):
        parts.append(f"(default: {entry.default})")
    if entry.required:
        parts.append("(required)")
    return " ".join(" ".join(part.split()) for part in parts if part)


def _plain(text: Any) -> str:
    """The characters of what cyclopts hands over, which may be one of rich's renderables."""
    if text is None or isinstance(text, str):
        return text or ""
    if hasattr(text, "plain"):
        return str(text.plain)
    inner = getattr(text, "primary_renderable", None)
    return str(text) if inner is None else _plain(inner)
