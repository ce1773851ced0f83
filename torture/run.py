"""`make torture`: everything that is done to prove the store, in about a quarter of an hour; HOURS=n for longer.

Runs the sections of `schedule`, prints their progress, writes build/reliability.md, and ends with 1 where anything was
lost.

Usage: python -m torture.run [--hours H] [--seed N] [--only SECTION ...] [--write] [--folder DIR]
"""

import argparse
import os
import secrets
import shutil
import sys
import threading
import time
from pathlib import Path

from torture.page import PAGE, markdown, summary, write
from torture.schedule import ENTRIES, RUN_SECONDS, run_all

TOP = Path(__file__).resolve().parent.parent
DRAFT = TOP / "build" / "reliability.md"


def main() -> int:
    """Run, print, write."""
    options = _options()
    entries = [entry for entry in ENTRIES if _chosen(entry.module, options.only)]
    missing = [entry.module for entry in entries if not entry.there()]
    entries = [entry for entry in entries if entry.module not in missing]
    if not entries:
        print(f"torture: no section is called {' or '.join(options.only)}", file=sys.stderr)
        return 2
    scale = options.hours * 3600 / RUN_SECONDS if options.hours else 1.0
    seed = options.seed if options.seed is not None else secrets.randbelow(1 << 32)
    folder = options.folder or TOP / "build" / "torture"
    shutil.rmtree(folder, ignore_errors=True)
    began = time.monotonic()
    printing = threading.Lock()

    def report(line: str) -> None:
        with printing:
            print(f"[{time.monotonic() - began:6.0f} s] {line}", flush=True)

    report(f"seed {seed}; stores are in {folder}")
    results = run_all(entries, scale, seed, folder, options.processors, report)
    text = markdown(results, time.monotonic() - began, seed, _command())
    DRAFT.parent.mkdir(exist_ok=True)
    write(DRAFT, text)
    if options.write:
        write(PAGE, text)
    print(summary(results))
    for module in missing:
        print(f"torture: {module} is not part of this checkout")
    lost = [figures for figures in results if not figures.passed]
    for figures in lost:
        for loss in figures.losses:
            print(f"LOST in {figures.name}: {loss}", file=sys.stderr)
    if lost:
        print(f"torture: LOST; seed {seed}, the evidence is in {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="torture", description="prove the store's promises by attacking it")
    parser.add_argument("--hours", type=float, default=0.0, help="how long in all (default: a quarter of an hour)")
    parser.add_argument("--seed", type=int, help="of all dice (default: another one each time)")
    parser.add_argument("--only", nargs="*", default=[], help="sections by a part of their module's name")
    parser.add_argument("--processors", type=int, default=min(2, os.cpu_count() or 1), help="how many to keep busy")
    parser.add_argument("--folder", type=Path, help="where stores are made (default: build/torture)")
    parser.add_argument("--write", action="store_true", help="write docs/reliability.md too")
    return parser.parse_args()


def _chosen(module: str, only: list[str]) -> bool:
    return not only or any(word in module.removeprefix("torture.") for word in only)


def _command() -> str:
    return " ".join(["python -m torture.run", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
