"""`make torture-cluster`: a service of three nodes under attack for ten minutes; MINUTES=n for another time.

Prints what it does, and ends with 1 where anything was lost. With --write the figures go to docs/reliability.md.

Usage: python -m torture.cluster.run [--minutes M] [--seed N] [--embedded] [--write] [--folder DIR]
"""

import argparse
import secrets
import shutil
import sys
import threading
import time
from pathlib import Path

from scripts.servers.not_here import NotHere
from torture.cluster import attack, page
from torture.cluster.attack import Attack
from torture.cluster.crowd import Size
from torture.cluster.rig import SILENCE_SECONDS, cluster, embedded
from torture.page import PAGE
from torture.section import Figures

TOP = Path(__file__).resolve().parent.parent.parent
NODES = 3
LEASE_SECONDS = SILENCE_SECONDS + 8.0
"""After so long it has mostly been taken for dead: what it held in the database keeps others from looking at first."""

CLUSTER = Attack("three nodes", lambda folder: cluster(folder, NODES), Size(), LEASE_SECONDS)
EMBEDDED = Attack("one node", embedded, Size(), LEASE_SECONDS)


def main() -> int:
    """Run, print, write."""
    options = _options()
    seed = options.seed if options.seed is not None else secrets.randbelow(1 << 32)
    folder = options.folder or TOP / "build" / "torture-cluster"
    shutil.rmtree(folder, ignore_errors=True)
    began = time.monotonic()
    printing = threading.Lock()

    def report(line: str) -> None:
        with printing:
            print(f"[{time.monotonic() - began:6.1f} s] {line}", flush=True)

    report(f"seed {seed}; everything is in {folder}")
    chosen = EMBEDDED if options.embedded else CLUSTER
    try:
        figures = attack.run(chosen, options.minutes * 60, seed, folder, report)
    except NotHere as absent:
        figures = Figures(chosen.name, skipped=str(absent))
    if options.write:
        command = " ".join(["python -m torture.cluster.run", *sys.argv[1:]])
        page.write(PAGE, page.markdown([figures], time.monotonic() - began, seed, command))
    for what, count in figures.counts.items():
        print(f"{count:>12,} {what}")
    for loss in figures.losses:
        print(f"LOST: {loss}", file=sys.stderr)
    print(
        f"seed {seed}: {'skipped: ' + figures.skipped if figures.skipped else 'passed' if figures.passed else 'LOST'}"
    )
    return 0 if figures.passed else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="torture.cluster", description="attack a service of several nodes")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, help="of all dice (default: another one each time)")
    parser.add_argument("--embedded", action="store_true", help="one node over a directory instead")
    parser.add_argument("--write", action="store_true", help="write docs/reliability.md too")
    parser.add_argument("--folder", type=Path, help="where everything is made (default: build/torture-cluster)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
