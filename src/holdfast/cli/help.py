"""How `--help` looks: plain text in columns, the same on a terminal, in a pipe and for a screen reader.

A paragraph is filled to the width of the terminal; a line that is indented stays as it is written (examples, tables).
"""

import shutil
import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel

_WIDTH_MAX = 100
_COLUMN_MAX = 26


class PlainHelp:
    """What cyclopts asks of a help formatter."""

    def __init__(self) -> None:
        self._width = min(_WIDTH_MAX, shutil.get_terminal_size().columns)

    def render_usage(self, console: Any, options: Any, usage: Any) -> None:  # noqa: ARG002 - cyclopts' signature
        if usage:
            text = _plain(usage).strip()
            print(text if text.startswith("Usage:") else f"Usage: {text}")
            print()

    def render_description(self, console: Any, options: Any, description: Any) -> None:  # noqa: ARG002 - as above
        if description:
            print(fill(_plain(description), self._width))
            print()

    def __call__(self, console: Any, options: Any, panel: "HelpPanel") -> None:  # noqa: ARG002 - as above
        rows = [(_label(entry), _explain(entry)) for entry in panel.entries]
        if not rows:
            return
        column = min(_COLUMN_MAX, max(len(label) for label, _ in rows))
        print("Options:" if panel.title == "Parameters" else f"{panel.title}:")
        for label, text in rows:
            lines = textwrap.wrap(text, max(20, self._width - column - 4)) or [""]
            if len(label) > column:
                print(f"  {label}")
            else:
                print(f"  {label:{column}}  {lines.pop(0)}".rstrip())
            for line in lines:
                print(f"  {'':{column}}  {line}")
        print()


def fill(text: str, width: int) -> str:
    """`text` with its paragraphs filled to `width`; lines that are indented are left alone."""
    blocks = []
    for block in text.strip("\n").split("\n\n"):
        kept = any(line.startswith(" ") for line in block.splitlines())
        blocks.append(block if kept else textwrap.fill(" ".join(block.split()), width))
    return "\n\n".join(blocks)


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
