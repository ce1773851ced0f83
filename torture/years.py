"""Years of daily backups in minutes: a tree that changes, points that are deleted in any order, and everything at once.

A service runs over a new store. The agent backs up a tree again and again while it changes; from some point on recovery
points are deleted in random order, others are restored and compared, and `holdfast gc` runs, all while backups go on.
In the end every kept point must come back identical, and the store must be about as small as one that never held the
others.
"""

import random
import shutil
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from holdfast.blobs.reserve import RESERVE_NAME
from scripts.service_process import HOLDFAST, ServiceProcess
from scripts.trees import Entry, differences, disk_bytes, remove_tree, snapshot
from torture.section import Budget, Figures, Report
from torture.tree_of_years import change, make

NAME = "years of backups"

SOURCE = "years"
SIZE_PERCENT_MAX = 115
"""How large the store may be, against a fresh one with the kept points alone."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything."""

    tree_bytes: int = 200_000_000
    points: int = 30
    deleted: int = 20
    first_deletion_at: int = 8
    """So many points are there when the deletions begin."""


def run(budget: Budget, report: Report) -> Figures:
    """One life of a store at full scale, and more as long as there is time."""
    counts: dict[str, int] = {}
    losses: list[str] = []
    lives = 0
    while budget.goes_on(lives) and not losses:
        folder = budget.folder / f"life-{lives}"
        life = Life(folder, Scale(), budget.seed + lives, report)
        for what, count in life.live().items():
            counts[what] = max(counts.get(what, 0), count) if what.startswith("size") else counts.get(what, 0) + count
        losses += life.losses
        lives += 1
        if not losses:
            remove_tree(folder)
    return Figures(NAME, counts, tuple(losses), budget.seconds - budget.left())


class Life:
    """One store from its first backup to the comparison with a fresh one."""

    def __init__(self, folder: Path, scale: Scale, seed: int, report: Report) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._scale = scale
        self._seed = seed
        self._report = report
        self._chance = random.Random(seed)
        self._kept: dict[str, dict[bytes, Entry]] = {}
        """What each kept recovery point must give back, by its ARN, in the order of their making."""
        self._changing = threading.Lock()
        self._counts = {"recovery points made": 0, "recovery points deleted": 0, "restores compared": 0, "gc runs": 0}
        self.losses: list[str] = []

    def live(self) -> dict[str, int]:
        """Everything; what was done and the final size in percent of a fresh store's."""
        tree = self._folder / "tree"
        make(tree, self._scale.tree_bytes, self._chance)
        with ServiceProcess(self._folder / "store") as service:
            self._backups(service, tree)
            self._collect(service)
            for arn in list(self._kept):
                self._compare(service, arn, "at the end")
        lived = _bytes_held(self._folder / "store")
        fresh = self._fresh()
        percent = lived * 100 // fresh
        self._report(f"store {lived >> 20} MiB, a fresh one with the same points {fresh >> 20} MiB: {percent} %")
        if percent > SIZE_PERCENT_MAX:
            self.losses.append(
                f"seed {self._seed}: the store has {percent} % of a fresh one's size, {SIZE_PERCENT_MAX} % are allowed;"
                f" see {self._folder}"
            )
        return self._counts | {"size in percent of a fresh store": percent}

    def _backups(self, service: ServiceProcess, tree: Path) -> None:
        over = threading.Event()
        beside: list[threading.Thread] = []
        deletions = self._scale.deleted
        for number in range(self._scale.points):
            if number:
                change(tree, self._chance)
            expected = snapshot(tree)
            arn = str(service.run("backup", str(tree), "--source", SOURCE, "--json").told["recovery_point_arn"])
            with self._changing:
                self._kept[arn] = expected
            self._counts["recovery points made"] += 1
            if number + 1 == self._scale.first_deletion_at:
                beside = [
                    threading.Thread(target=self._until, args=(over, self._restore_one, service)),
                    threading.Thread(target=self._until, args=(over, self._collect, service)),
                ]
                for thread in beside:
                    thread.start()
            if number + 1 >= self._scale.first_deletion_at:
                left = self._scale.points - number - 1
                for _ in range(deletions // (left + 1)):
                    self._delete_one(service)
                    deletions -= 1
        over.set()
        for thread in beside:
            thread.join()

    def _until(self, over: threading.Event, act: Callable[[ServiceProcess], None], service: ServiceProcess) -> None:
        while not over.is_set() and not self.losses:
            try:
                act(service)
            except (SystemExit, subprocess.SubprocessError, OSError) as failed:
                self.losses.append(f"seed {self._seed}: {act.__name__}: {failed}")

    def _delete_one(self, service: ServiceProcess) -> None:
        with self._changing:
            arn = self._chance.choice(list(self._kept))
            del self._kept[arn]
        service.run("delete", "--yes", "--json", arn)
        self._counts["recovery points deleted"] += 1

    def _collect(self, service: ServiceProcess) -> None:
        service.run("gc", "--json")
        self._counts["gc runs"] += 1

    def _restore_one(self, service: ServiceProcess) -> None:
        with self._changing:
            arn = random.choice(list(self._kept))
        self._compare(service, arn, "while backups went on")

    def _compare(self, service: ServiceProcess, arn: str, when: str) -> None:
        to = self._folder / f"restored-{arn.rpartition(':')[2]}-{threading.get_ident()}"
        expected = self._kept.get(arn)
        ran = subprocess.run(
            [*HOLDFAST, "restore", "--source", SOURCE, "--point", arn, "--to", str(to), "--json"],
            env=service.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        gone = arn not in self._kept
        if expected is not None and not gone:
            told = [] if ran.returncode == 0 else [f"restore failed: {ran.stderr.strip()}"]
            told = told or differences(expected, snapshot(to))
            if told:
                self.losses.append(f"seed {self._seed}: {arn} {when}: {'; '.join(told[:3])}; see {self._folder}")
            self._counts["restores compared"] += 1
        if to.exists():
            remove_tree(to)

    def _fresh(self) -> int:
        """Bytes on disk of a store that was given the kept points and nothing else."""
        wanted = list(self._kept)
        again = self._folder / "again"
        with ServiceProcess(self._folder / "store") as service, ServiceProcess(self._folder / "fresh") as fresh:
            for arn in wanted:
                service.run("restore", "--source", SOURCE, "--point", arn, "--to", str(again), "--json")
                fresh.run("backup", str(again), "--source", SOURCE, "--json")
                remove_tree(again)
        shutil.rmtree(again, ignore_errors=True)
        return _bytes_held(self._folder / "fresh")


def _bytes_held(store: Path) -> int:
    """What a store occupies, without the room that it keeps for a full disk, which is always the same."""
    reserve = store / RESERVE_NAME
    return disk_bytes(store) - (reserve.stat().st_blocks * 512 if reserve.exists() else 0)
