"""Puts the figures of attacks on several nodes into docs/reliability.md, between marks of their own."""

from collections.abc import Sequence
from pathlib import Path

from torture import page
from torture.section import Figures

BEGIN, END = "<!-- figures of `make torture-cluster`: begin -->", "<!-- figures of `make torture-cluster`: end -->"


def markdown(results: Sequence[Figures], seconds: float, seed: int, command: str) -> str:
    """Everything between the two marks."""
    text = page.markdown(results, seconds, seed, command)
    return text.replace(page.BEGIN, BEGIN).replace(page.END, END)


def write(file: Path, results: str) -> None:
    """Put `results` between the marks of `file`, keeping what people wrote around them."""
    before, begin, rest = file.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin and end, f"{file} has lost its marks"
    file.write_text(before + results + after)
