"""The order of things: every engine does the same to the same tree, turn by turn, and is checked for having done it."""

import os
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from bench.engines import Engine
from bench.measure import Cost
from bench.samples import Sample
from scripts.trees import ROOT, differences, snapshot

FIRST, UNCHANGED, CHANGED, RESTORE = "first backup", "second backup, unchanged", "third backup, 1 % changed", "restore"
STEPS = (FIRST, UNCHANGED, CHANGED, RESTORE)


@dataclass(slots=True)
class Outcome:
    """All costs by (sample, engine, step), and bytes stored by (sample, engine, step)."""

    costs: dict[tuple[str, str, str], list[Cost]] = field(default_factory=lambda: defaultdict(list))
    stored: dict[tuple[str, str, str], list[int]] = field(default_factory=lambda: defaultdict(list))


def run_rounds(engines: list[Engine], samples: list[Sample], rounds: int, place: Path) -> Outcome:
    """Interleaved: in each round each engine has its turn with each sample, and who begins changes."""
    outcome = Outcome()
    for sample in samples:
        snapshot(sample.tree)  # reads everything once, so that no engine pays for a cold page cache
        for turn in range(rounds):
            order = engines[turn % len(engines) :] + engines[: turn % len(engines)]
            _round(order, sample, turn, place, outcome)
    return outcome


def _round(engines: list[Engine], sample: Sample, turn: int, place: Path, outcome: Outcome) -> None:
    def note(engine: Engine, step: str, cost: Cost) -> None:
        os.sync()  # one engine's writing must not burden the next
        key = (sample.name, engine.name, step)
        outcome.costs[key].append(cost)
        outcome.stored[key].append(engine.stored_bytes())
        peak = cost.peak_bytes >> 20
        said = f"{cost.wall_seconds:7.2f} s  {cost.cpu_seconds:7.2f} s cpu  {peak:5} MiB"
        print(f"round {turn + 1}  {sample.name:12} {engine.name:9} {step:26} {said}", flush=True)

    os.sync()
    for engine in engines:
        # borg tells the kernel to forget every file that it has read: whoever came after it would read from the disk.
        snapshot(sample.tree)
        engine.start(place / f"{engine.name} {sample.name} {turn}")
        note(engine, FIRST, engine.backup(sample.tree))
        note(engine, UNCHANGED, engine.backup(sample.tree))
    sample.change(turn)
    expected = snapshot(sample.tree)
    os.sync()
    for engine in engines:
        snapshot(sample.tree)
        note(engine, CHANGED, engine.backup(sample.tree))
        # Nothing is deleted while there is still something to measure: for a while after many files were deleted, ext4
        # spends most of its time looking for inodes that were not freed just now, and every restore pays for it.
        to = place / f"restored by {engine.name} {sample.name} {turn}"
        note(engine, RESTORE, engine.restore(to))
        engine.stop()
        found = snapshot(engine.restored(to, sample.tree))
        # The folder itself is made by hand for some engines; what is in it must be the same.
        wrong = [said for said in differences(expected, found) if not said.startswith(f"{ROOT!r}:")]
        if wrong:
            raise SystemExit(f"bench: {engine.name} did not restore {sample.name}: " + "; ".join(wrong[:5]))
        os.sync()
