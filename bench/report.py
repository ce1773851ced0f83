"""Turns measurements into tables: for a person at a terminal, and for docs/benchmarks.md."""

import datetime
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench.engines import Engine, version
from bench.machine import machine
from bench.rounds import CHANGED, FIRST, STEPS, Outcome
from bench.samples import Sample

BEGIN, END = "<!-- results of `make bench`: begin -->", "<!-- results of `make bench`: end -->"
MIB = 1 << 20

Key = tuple[str, str, str]


def markdown(outcome: Outcome, engines: list[Engine], samples: list[Sample], rounds: int, command: str) -> str:
    """Everything between the two marks of docs/benchmarks.md."""
    names = [engine.name for engine in engines]
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    lines = [
        BEGIN,
        "",
        f"Measured on {today} with `{command}`, medians of {rounds} round{'s' * (rounds > 1)}.",
        "",
    ]
    lines += [f"- {line}" for line in machine("repositories, trees and restores")]
    lines += [f"- {engine.name}: {version(engine)}; {engine.settings}" for engine in engines]
    lines += [
        "",
        "In brackets: the others' figure divided by Holdfast's, so more than 1 means that Holdfast needs less.",
    ]

    def wall(key: Key) -> float:
        return median(cost.wall_seconds for cost in outcome.costs[key])

    def cpu(key: Key) -> float:
        return median(cost.cpu_seconds for cost in outcome.costs[key])

    def peak(key: Key) -> float:
        return median(cost.peak_bytes for cost in outcome.costs[key]) / MIB

    def stored(key: Key) -> float:
        return median(outcome.stored[key]) / MIB

    for sample in samples:
        lines += ["", f"### {sample.name}: {sample.about}"]
        for title, value, steps, digits in (
            ("wall clock, seconds", wall, STEPS, 2),
            ("processor time, seconds (user and system, all processes)", cpu, STEPS, 2),
            ("peak resident memory, MiB (all processes)", peak, STEPS, 0),
            ("stored on disk, MiB", stored, (FIRST, CHANGED), 1),
        ):
            lines += ["", *_table(title, names, sample.name, steps, value, digits)]
    return "\n".join([*lines, "", _spread(outcome), "", END])


def _table(
    title: str, names: list[str], sample: str, steps: tuple[str, ...], value: Callable[[Key], float], digits: int
) -> list[str]:
    lines = [f"| {title} | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    for step in steps:
        own = value((sample, names[0], step))
        cells = [f"{own:.{digits}f}"]
        for name in names[1:]:
            other = value((sample, name, step))
            cells.append(f"{other:.{digits}f} ({other / own:.2f})")
        lines.append(f"| {step} | " + " | ".join(cells) + " |")
    return lines


def _spread(outcome: Outcome) -> str:
    spreads = []
    for costs in outcome.costs.values():
        walls = [cost.wall_seconds for cost in costs]
        spreads.append((max(walls) - min(walls)) / median(walls))
    typical, worst = median(spreads), max(spreads)
    return f"Spread of wall clock between rounds, (max - min) / median: median {typical:.0%}, worst {worst:.0%}."


def write(page: Path, results: str, begin: str = BEGIN, end: str = END) -> None:
    """Put `results` between the marks of `page`, keeping what people wrote around them."""
    before, _, rest = page.read_text().partition(begin)
    page.write_text(before + results + rest.partition(end)[2])
