"""The results as tables for docs/benchmarks.md: one for each catalog, a row for each figure, a column for each size."""

import datetime
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.machine import machine
from bench.scaling.measures import CHANGES, Figures

BEGIN, END = "<!-- results of `make bench-scale`: begin -->", "<!-- results of `make bench-scale`: end -->"
MIB = 1 << 20
_FLAT = 1.5
"""What grows by no more than this between the least and the greatest size counts as flat: rounds differ by less."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one catalog came to at one size; `figures` has one entry for each round."""

    catalog: str
    objects: int
    chunks: int
    fill_seconds: float
    sizes: dict[str, int]
    figures: list[Figures]

    def middle(self, name: str) -> float:
        """The median of the rounds."""
        return median(round_[name] for round_ in self.figures)

    @property
    def catalog_bytes(self) -> int:
        return sum(self.sizes.values())


@dataclass(frozen=True, slots=True)
class _Line:
    title: str
    value: Callable[[Result], float]
    digits: int = 1
    rises: bool = True
    """Whether more is worse; with False less is; what is neither is no question of being flat."""
    counts: bool = True


def _figure(name: str, title: str | None = None, *, digits: int = 1, rises: bool = True) -> _Line:
    return _Line(title or name, lambda result: result.middle(name), digits, rises)


_LINES = (
    _Line("filling it, s", lambda r: r.fill_seconds, 0, counts=False),
    _Line("catalog, MiB", lambda r: r.catalog_bytes / MIB, 0, counts=False),
    _Line("bytes per object", lambda r: r.sizes["objects"] / r.objects, 0),
    _Line("bytes per chunk", lambda r: r.sizes["chunks"] / r.chunks, 0),
    _Line("bytes per reference to a chunk", lambda r: r.sizes["object_chunks"] / r.chunks, 0),
    _figure("service start, s", digits=2),
    _figure("job start p50, ms"),
    _figure("job start p99, ms"),
    _figure("job start and stop, processor ms"),
    _figure("commit, ms", f"commit of {CHANGES:,} changes, ms"),
    _figure("commit, processor ms", f"commit of {CHANGES:,} changes, processor ms"),
    _figure("ListObjects first page p50, ms"),
    _figure("ListObjects first page p99, ms"),
    _figure("ListObjects first page, processor ms", digits=2),
    _figure("ListObjects deep page p50, ms"),
    _figure("ListObjects deep page p99, ms"),
    _figure("GetChunk p50, ms"),
    _figure("GetChunk p99, ms"),
    _figure("GetChunk, processor ms", digits=2),
    _figure("PutObject, per second", digits=0, rises=False),
    _figure("PutObjects, objects per second", digits=0, rises=False),
    _figure("gc, ms", f"gc of a deleted point of {CHANGES:,} changes, ms"),
    _Line("service's memory after the round, MiB", lambda r: r.middle("memory now") / MIB, 0),
    _Line("service's memory at its peak, MiB", lambda r: r.middle("memory peak") / MIB, 0),
)


def markdown(results: Sequence[Result], command: str, rounds: int, ended: Iterable[str]) -> str:
    """Everything between the two marks. `ended` says where the sizes end, and why."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    lines = [BEGIN, "", f"Measured on {today} with `{command}`, medians of {rounds} round{'s' * (rounds > 1)}.", ""]
    lines += [f"- {line}" for line in machine("stores and databases")]
    lines += [f"- {line}" for line in ended]
    for catalog in dict.fromkeys(result.catalog for result in results):
        lines += ["", f"### {catalog}", "", *_table([result for result in results if result.catalog == catalog])]
    return "\n".join([*lines, "", END])


def _table(results: Sequence[Result]) -> list[str]:
    heads = [f"{_short(result.objects)} objects, {_short(result.chunks)} chunks" for result in results]
    last = " last : first |" if len(results) > 1 else ""
    lines = [f"| | {' | '.join(heads)} |{last}", f"|---|{'---:|' * (len(heads) + bool(last))}"]
    for line in _LINES:
        values = [line.value(result) for result in results]
        cells = [f"{value:,.{line.digits}f}" for value in values]
        if last:
            cells.append(_growth(line, values))
        lines.append(f"| {line.title} | {' | '.join(cells)} |")
    return lines


def _growth(line: _Line, values: Sequence[float]) -> str:
    if not line.counts or not values[0] or not values[-1]:
        return ""
    growth = values[-1] / values[0]
    worse = growth if line.rises else 1 / growth
    return f"**{growth:.2f}**" if worse > _FLAT else f"{growth:.2f}"


def _short(rows: int) -> str:
    for unit, name in ((1_000_000, " M"), (1_000, " k")):
        if rows >= unit:
            return f"{round(rows / unit):,}{name}"
    return f"{rows:,}"
