"""`make bench`: Holdfast against restic and borg, on the same trees, in one run.

Two trees (a copy of this Python's library; random data in a few files), four steps (first backup, second of the
unchanged tree, third after one percent changed, restore), several interleaved rounds, medians. Nothing is dropped from
the page cache for anyone; every restore is compared with its tree. Engines that are not installed are left out.

Usage: python -m bench.run [--rounds N] [--tree DIR] [--random-mib N] [--only NAME ...] [--against DIR] [--no-page]
"""

import argparse
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

from bench.engines import Engine, earlier, installed
from bench.report import markdown, write
from bench.rounds import run_rounds
from bench.samples import Sample, few_large_files, many_small_files

TOP = Path(__file__).resolve().parent.parent
PAGE = TOP / "docs" / "benchmarks.md"


def main() -> int:
    """Measure, print, and write docs/benchmarks.md."""
    options = _options()
    engines: list[Engine] = [engine for engine in installed() if not options.only or engine.name in options.only]
    if options.against:
        engines.insert(1, earlier(options.against))
    if not engines:
        print("bench: none of the engines that were asked for is installed", file=sys.stderr)
        return 1
    (TOP / "build").mkdir(exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="bench-", dir=TOP / "build"))
    try:
        samples: list[Sample] = []
        if options.tree:
            samples.append(many_small_files(options.tree, place))
        if options.random_mib:
            samples.append(few_large_files(options.random_mib, place))
        outcome = run_rounds(engines, samples, options.rounds, place)
        command = " ".join(["make bench", *([f"BENCH_ARGS='{' '.join(sys.argv[1:])}'"] if sys.argv[1:] else [])])
        results = markdown(outcome, engines, samples, options.rounds, command)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print(results)
    if not options.no_page:
        write(PAGE, results)
        print(f"\nwritten to {PAGE.relative_to(TOP)}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Holdfast against restic and borg")
    parser.add_argument("--rounds", type=int, default=3)
    library = Path(sysconfig.get_path("stdlib"))
    parser.add_argument("--tree", type=Path, default=library, help="real tree of many small files")
    parser.add_argument("--random-mib", type=int, default=1024, help="MiB of random data; 0: leave it out")
    parser.add_argument("--only", nargs="*", default=[], help="engines to measure")
    parser.add_argument(
        "--against", type=Path, metavar="DIR", help="another checkout of Holdfast, made ready by `make .venv/.run`"
    )
    parser.add_argument("--no-page", action="store_true", help="do not write docs/benchmarks.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
