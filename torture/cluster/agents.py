"""A machine that is backed up by the real agent: `holdfast backup` and `holdfast restore`, each a process of its own.

At times the agent is killed in the middle of it, and run again. The tree changes between backups and never during one,
so that every recovery point that comes into being holds exactly what the tree was, also one of a backup that had to be
run again.
"""

import itertools
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from holdfast.client.api import Api
from holdfast.model.arn import source_arn
from scripts.trees import Entry, differences, remove_tree, snapshot
from torture.cluster.patience import Patience
from torture.tree_of_years import change, make

_TREE_BYTES = 1_500_000
_FILES_MIN = 40
_POINTS_MAX = 4
_GIVE_UP_SECONDS = 240.0
_RUN_SECONDS_MAX = 180.0
_KILLED_SHARE = 0.12
_KILLED_WITHIN_SECONDS = 2.5
_PAUSE_SECONDS = 0.5


class AgentClient:
    """One source, one tree."""

    def __init__(
        self,
        folder: Path,
        source: str,
        settings: Mapping[str, str],
        api: Api,
        patience: Patience,
        dice: random.Random,
    ) -> None:
        """`settings` are the variables by which the agent finds the service; `api` is for looking what is there."""
        self.source = source
        self.backups = 0
        self.restores = 0
        self.kills = 0
        self._tree = folder / "tree"
        self._folder = folder
        self._command = ["env", *(f"{name}={value}" for name, value in settings.items())]
        self._command += [sys.executable, "-m", "holdfast"]
        self._api = api
        self._patience = patience
        self._dice = dice
        self._kept: dict[str, dict[bytes, Entry]] = {}
        """What each recovery point must give back, by its ARN."""
        make(self._tree, _TREE_BYTES, dice)

    def work(self, stopping: Callable[[], bool]) -> list[str]:
        """Backups, restores and deletions until it is told to stop, or finds what must not be."""
        found: list[str] = []
        while not stopping() and not found:
            found = self._backup()
            if not found and self._dice.random() < 0.6 and not stopping():
                found = self.restore(self._dice.choice(list(self._kept)))
            while not found and len(self._kept) > _POINTS_MAX:
                self._delete(self._dice.choice(list(self._kept)))
            self._change()
        return found

    def compare_all(self) -> list[str]:
        """Restores every kept recovery point: what is not as it was."""
        return [wrong for arn in list(self._kept) for wrong in self.restore(arn)] + self._compare_list()

    def restore(self, arn: str) -> list[str]:
        """Restores one, with as many runs as it takes, and compares."""
        to = self._folder / "restored"
        self._run("restore", "--source", self.source, "--point", arn, "--to", str(to))
        wrong = differences(self._kept[arn], snapshot(to))
        self.restores += 1
        remove_tree(to)
        return [f"{arn} of {self.source} does not come back as it was: {one}" for one in wrong[:3]]

    def _backup(self) -> list[str]:
        true = snapshot(self._tree)
        told = self._run("backup", str(self._tree), "--source", self.source)
        self.backups += 1
        # A run that was told of trouble may have made a recovery point before, of the same tree.
        for arn in self._listed() - self._kept.keys():
            self._kept[arn] = true
        if told["recovery_point_arn"] not in self._kept:
            return [f"{told['recovery_point_arn']} of {self.source} was acknowledged and is not listed"]
        return self._compare_list()

    def _change(self) -> None:
        """A day of work; it may have removed most of the tree, and then there is some more."""
        change(self._tree, self._dice)
        left = sum(path.is_file() for path in self._tree.rglob("*"))
        for number in range(_FILES_MIN - left):
            path = self._tree / f"day-{self.backups}" / f"file-{number}"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(self._dice.randbytes(self._dice.randrange(20_000)))

    def _delete(self, arn: str) -> None:
        self._run("delete", "--yes", arn, may_be_gone=True)
        del self._kept[arn]

    def _listed(self) -> set[str]:
        listed = self._api.list_recovery_points_by_resource(source_arn(self.source))
        return {point.recovery_point_arn for point in listed}

    def _compare_list(self) -> list[str]:
        listed = self._listed()
        gone = [f"{arn} of {self.source} was acknowledged and is gone" for arn in sorted(self._kept.keys() - listed)]
        back = [f"{arn} of {self.source} was deleted and is back" for arn in sorted(listed - self._kept.keys())]
        return gone + back

    def _run(self, *words: str, may_be_gone: bool = False) -> dict[str, object]:
        """A command, run until it succeeds. Raises AssertionError when it still does not after minutes."""
        began = time.monotonic()
        for tries in itertools.count(1):
            is_killed = tries == 1 and self._dice.random() < _KILLED_SHARE
            code, out, err = self._run_once(words, self._dice.random() * _KILLED_WITHIN_SECONDS if is_killed else None)
            if code == 0:
                return dict(json.loads(out)) if out.strip() else {}
            said = f"holdfast {' '.join(words)} ended with {code}: {err.strip()[-2000:]}"
            if may_be_gone and tries > 1 and "there is no recovery point" in err:
                return {}
            assert code == 1 or (is_killed and code < 0), said
            assert "Traceback" not in err, said
            assert time.monotonic() - began < _GIVE_UP_SECONDS, said
            self._patience.count("agent run again")
            time.sleep(_PAUSE_SECONDS)
        raise AssertionError("counting never ends")

    def _run_once(self, words: Sequence[str], killed_after: float | None) -> tuple[int, str, str]:
        """Exit code (negative: the signal that ended it), standard output, standard error."""
        process = subprocess.Popen(
            [*self._command, *words, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            out, err = process.communicate(timeout=killed_after or _RUN_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            assert killed_after is not None, f"holdfast {' '.join(words)} took {_RUN_SECONDS_MAX:.0f} s: {err[-2000:]}"
            self.kills += 1
        return process.returncode, out, err
