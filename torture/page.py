"""Turns figures into a table: for a person at a terminal, and for docs/reliability.md."""

import datetime
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

from torture.section import Figures

TOP = Path(__file__).resolve().parent.parent
PAGE = TOP / "docs" / "reliability.md"
BEGIN, END = "<!-- figures of `make torture`: begin -->", "<!-- figures of `make torture`: end -->"


def summary(results: Sequence[Figures]) -> str:
    """One line a section."""
    return "\n".join(f"{figures.name}: {_verdict(figures)}; {_counts(figures)}" for figures in results)


def markdown(results: Sequence[Figures], seconds: float, seed: int, command: str) -> str:
    """Everything between the two marks of docs/reliability.md."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    losses = sum(len(figures.losses) for figures in results)
    lines = [
        BEGIN,
        "",
        f"Run on {today} with `{command}`, seed {seed}, {_duration(seconds)} in all.",
        f"Acknowledged things lost, wrong bytes served: **{losses}**.",
        "",
        *(f"- {fact}" for fact in _machine()),
        "",
        "| section | figures | time | lost |",
        "|---|---|---:|---:|",
    ]
    for figures in results:
        lost = "skipped" if figures.skipped else str(len(figures.losses))
        lines.append(f"| {figures.name} | {_counts(figures)} | {_duration(figures.seconds)} | {lost} |")
    for figures in results:
        lines += [f"\n- **{figures.name}**: {loss.splitlines()[0][:400]}" for loss in figures.losses]
    return "\n".join([*lines, "", END])


def write(page: Path, results: str) -> None:
    """Put `results` between the marks of `page`, keeping what people wrote around them."""
    text = page.read_text() if page.exists() else f"# Reliability\n\n{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(before + results + after)


def _verdict(figures: Figures) -> str:
    if figures.skipped:
        return "skipped"
    return "passed" if figures.passed else f"LOST {len(figures.losses)}"


def _counts(figures: Figures) -> str:
    if figures.skipped:
        return f"not run: {figures.skipped}"
    return ", ".join(f"{count:,} {what}" for what, count in figures.counts.items()) or "nothing"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _machine() -> list[str]:
    cpu = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return [
        f"machine: {cpu}, {os.cpu_count()} cores, {memory / (1 << 20):.0f} GiB of memory",
        f"disk: {_told('findmnt', '--noheadings', '--output', 'FSTYPE,SOURCE', '--target', str(TOP))}",
        f"system: {platform.system()} {platform.release()}, Python {platform.python_version()}",
        f"source: {_told('git', '-C', str(TOP), 'describe', '--always', '--dirty')}",
    ]


def _told(*command: str) -> str:
    try:
        return " ".join(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
