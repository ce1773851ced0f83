"""The programs that are compared, each as its own makers would have it run; all encrypt, compress and deduplicate.

Each engine keeps everything it writes (repository, caches, keys) under a folder of its own, and is told nothing about
the trees. Passwords come from the environment, so that none of them asks.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from bench.measure import Cost, measure
from scripts.service_process import HOLDFAST, ServiceProcess
from scripts.trees import disk_bytes

PASSWORD = "not a secret"  # noqa: S105 - opens a repository that lives for a minute


class Engine(Protocol):
    """One fresh repository, from `start` to `stop`. Restores land in a folder named by `restored`."""

    name: str
    settings: str

    def start(self, folder: Path) -> None: ...
    def stop(self) -> None: ...
    def backup(self, tree: Path) -> Cost: ...
    def restore(self, to: Path) -> Cost: ...
    def restored(self, to: Path, tree: Path) -> Path: ...
    def stored_bytes(self) -> int: ...


class Holdfast:
    """The agent in one process, the service in another, HTTP between them; both processes are counted."""

    settings = (
        "`holdfast serve` and the agent, HTTP between them; defaults; the reserve of 80 MiB is not counted as stored"
    )

    def __init__(self, name: str = "holdfast", command: Sequence[str] = HOLDFAST) -> None:
        self.name = name
        self.command = list(command)

    def start(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._service = ServiceProcess(folder / "data", self.command)
        self._service.__enter__()

    def stop(self) -> None:
        self._service.__exit__()

    def backup(self, tree: Path) -> Cost:
        return self._measure("backup", str(tree), "--source", "bench", "--json")

    def restore(self, to: Path) -> Cost:
        return self._measure("restore", "--source", "bench", "--point", "latest", "--to", str(to), "--json")

    def restored(self, to: Path, tree: Path) -> Path:  # noqa: ARG002 - the port's shape
        return to

    def stored_bytes(self) -> int:
        # Without the room that is kept back for a full disk: it has the same size however much is stored.
        reserve = self._folder / "data" / "reserve"
        return disk_bytes(self._folder / "data") - (reserve.stat().st_blocks * 512 if reserve.exists() else 0)

    def _measure(self, *words: str) -> Cost:
        environment = self._service.environment()
        return measure([*self.command, *words], environment, self._folder, self._service.process.pid)


class Restic:
    """restic to a local repository of version 2, with its cache."""

    name = "restic"
    settings = "local repository version 2, compression auto, its cache in use"

    def start(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._environment = {
            **os.environ,
            "RESTIC_PASSWORD": PASSWORD,
            "RESTIC_REPOSITORY": str(folder / "repository"),
            "RESTIC_CACHE_DIR": str(folder / "cache"),
        }
        subprocess.run(["restic", "init", "--quiet"], env=self._environment, check=True, capture_output=True)

    def stop(self) -> None:
        pass

    def backup(self, tree: Path) -> Cost:
        return measure(["restic", "backup", "--quiet", str(tree)], self._environment, self._folder)

    def restore(self, to: Path) -> Cost:
        return measure(["restic", "restore", "latest", "--quiet", "--target", str(to)], self._environment, self._folder)

    def restored(self, to: Path, tree: Path) -> Path:
        return to / tree.relative_to("/")

    def stored_bytes(self) -> int:
        return disk_bytes(self._folder / "repository")


class Borg:
    """borg to a local repository; the authentication that this processor computes faster."""

    name = "borg"

    def __init__(self) -> None:
        has_sha = " sha_ni " in Path("/proc/cpuinfo").read_text()
        self._encryption = "repokey" if has_sha else "repokey-blake2"
        self.settings = f"local repository, {self._encryption}, `--compression zstd,3`, its caches in use"

    def start(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._archives = 0
        self._environment = {
            **os.environ,
            "BORG_PASSPHRASE": PASSWORD,
            "BORG_REPO": str(folder / "repository"),
            "BORG_BASE_DIR": str(folder / "base"),
            "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
        }
        subprocess.run(
            ["borg", "init", "--encryption", self._encryption], env=self._environment, check=True, capture_output=True
        )

    def stop(self) -> None:
        pass

    def backup(self, tree: Path) -> Cost:
        self._archives += 1
        command = ["borg", "create", "--compression", "zstd,3", f"::backup-{self._archives}", str(tree)]
        return measure(command, self._environment, self._folder)

    def restore(self, to: Path) -> Cost:
        to.mkdir()
        return measure(["borg", "extract", f"::backup-{self._archives}"], self._environment, to)

    def restored(self, to: Path, tree: Path) -> Path:
        return to / tree.relative_to("/")

    def stored_bytes(self) -> int:
        return disk_bytes(self._folder / "repository")


def earlier(checkout: Path) -> Engine:
    """Holdfast as another checkout has it, whose environment `make .venv/.run` has made there."""
    return Holdfast("holdfast (earlier)", [str(checkout / ".venv" / "bin" / "python"), "-m", "holdfast"])


def installed() -> list[Engine]:
    """Holdfast, and those of the others that are on PATH."""
    engines: list[Engine] = [Holdfast()]
    if shutil.which("restic"):
        engines.append(Restic())
    if shutil.which("borg"):
        engines.append(Borg())
    return engines


def version(engine: Engine) -> str:
    """What the program says it is."""
    commands = {"restic": ["restic", "version"], "borg": ["borg", "--version"]}
    command = [*engine.command, "--version"] if isinstance(engine, Holdfast) else commands[engine.name]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return said.splitlines()[0] if said else engine.name
