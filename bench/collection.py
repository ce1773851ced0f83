"""`make bench-gc`: what it costs to collect one deleted recovery point, in stores that keep little, more and much.

Each store keeps one recovery point of many small objects; a second source's point, the same size every time, is deleted
and collected by `holdfast gc` in a process of its own. Time, memory and what was freed go to docs/benchmarks.md: they
should follow what was deleted, not what is kept.

Usage: python -m bench.collection [--kept N ...] [--deleted N] [--rounds N] [--no-page]
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.measure import Cost, measure
from bench.report import write
from holdfast.app.connect import connect
from holdfast.client.api import Api
from holdfast.model.arn import source_arn
from holdfast.wire.batch import PutRecord
from scripts.service_process import HOLDFAST
from scripts.trees import disk_bytes

TOP = Path(__file__).resolve().parent.parent
PAGE = TOP / "docs" / "benchmarks.md"
BEGIN, END = "<!-- results of `make bench-gc`: begin -->", "<!-- results of `make bench-gc`: end -->"
MIB = 1 << 20

_OBJECT_BYTES = 1000
_BATCH = 2000
_ROLE = "arn:aws:iam::000000000000:role/bench"


@dataclass(frozen=True, slots=True)
class Collected:
    """What one collection cost and did."""

    kept: int
    store_bytes: int
    cost: Cost
    chunks: int


def main() -> int:
    """Measure, print, and write the table."""
    options = _options()
    (TOP / "build").mkdir(exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="bench-gc-", dir=TOP / "build"))
    try:
        measured = [_measured(place, kept, options.deleted, options.rounds) for kept in options.kept]
    finally:
        shutil.rmtree(place, ignore_errors=True)
    results = _markdown(measured, options)
    print(results)
    if not options.no_page:
        write(PAGE, results, BEGIN, END)
    return 0


def _measured(place: Path, kept: int, deleted: int, rounds: int) -> list[Collected]:
    store = place / f"kept-{kept}"
    with connect(store, {}, make=True) as connection:
        _commit(connection.api, "kept", kept)
    done = []
    for turn in range(rounds):
        with connect(store, {}) as connection:
            point = _commit(connection.api, "gone", deleted)
        subprocess.run(
            [*HOLDFAST, "delete", "--yes", point, "--store", str(store)],
            check=True,
            capture_output=True,
            env=os.environ,
        )
        os.sync()
        result = store.parent / "said.json"
        command = [*HOLDFAST, "gc", "--store", str(store), "--json"]
        cost = measure(["sh", "-c", f'exec "$@" > {result}', "sh", *command], dict(os.environ), place)
        told = json.loads(result.read_text())
        # The process that deleted the point may have begun to collect before it ended.
        if told["DeletedChunks"] < deleted // 2:
            raise SystemExit(f"bench: {told['DeletedChunks']} of {deleted} chunks were collected: {told}")
        done.append(Collected(kept, disk_bytes(store), cost, told["DeletedChunks"]))
        print(
            f"kept {kept:9,} round {turn + 1}: {cost.wall_seconds:.2f} s, {cost.peak_bytes / MIB:.0f} MiB", flush=True
        )
    return done


def _commit(api: Api, source: str, count: int) -> str:
    """A recovery point of `count` objects, each a chunk of its own; its ARN."""
    job = api.start_backup_job("default", source_arn(source), _ROLE).backup_job_id
    for start in range(0, count, _BATCH):
        numbers = range(start, min(start + _BATCH, count))
        api.put_objects(job, [PutRecord(f"{number:09}", None, os.urandom(_OBJECT_BYTES), None) for number in numbers])
    return api.commit_backup_job(job).recovery_point_arn


def _markdown(measured: list[list[Collected]], options: argparse.Namespace) -> str:
    command = " ".join(["make bench-gc", *([f"BENCH_ARGS='{' '.join(sys.argv[1:])}'"] if sys.argv[1:] else [])])
    lines = [
        BEGIN,
        "",
        (
            f"Measured with `{command}`, medians of {options.rounds}: a point of {options.deleted:,} objects of"
            f" {_OBJECT_BYTES} bytes is deleted and collected."
        ),
        "",
        "| objects kept | store, MiB | chunks collected | wall clock, s | processor time, s | peak, MiB |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for rounds in measured:
        cells = (
            f"{rounds[0].kept:,}",
            f"{median(one.store_bytes for one in rounds) / MIB:.0f}",
            f"{median(one.chunks for one in rounds):,.0f}",
            f"{median(one.cost.wall_seconds for one in rounds):.2f}",
            f"{median(one.cost.cpu_seconds for one in rounds):.2f}",
            f"{median(one.cost.peak_bytes for one in rounds) / MIB:.0f}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", END])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.collection", description="what collecting one recovery point costs")
    parser.add_argument("--kept", type=int, nargs="*", default=[10_000, 100_000, 500_000], help="objects kept")
    parser.add_argument("--deleted", type=int, default=10_000, help="objects of the point that is deleted")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-page", action="store_true", help="do not write docs/benchmarks.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
