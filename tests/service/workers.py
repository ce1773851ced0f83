"""A `holdfast serve --workers N` and its processes, one by one."""

import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.parser import text_string_to_metric_families

from tests.backends import Place
from tests.service.server_process import ServerProcess

WAIT_SECONDS_MAX = 60


class WorkersProcess(ServerProcess):
    """One store and, between `start` and an end, a supervisor with `workers` workers on it."""

    def __init__(self, place: Place, workers: int, *options: str) -> None:
        super().__init__(place, "--workers", str(workers), "--log-level", "warning", *options)
        self.workers = workers

    def pids(self) -> list[int]:
        """The workers' processes, those that start included."""
        return children(self.pid)

    def kill_one(self, number: int) -> int:
        """SIGKILL for one worker; its pid."""
        pid = self.pids()[number]
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_for_all(self) -> None:
        """Returns when every worker serves."""
        wait_until(lambda: self.numbers().get("holdfast_workers") == self.workers, "a worker does not come back")

    def numbers(self) -> dict[str, float]:
        """The metrics page, by name and labels; whichever worker answers."""
        return numbers(self.url)

    def counted_by(self, worker: int, name: str) -> float:
        """What one worker has counted, of whatever labels, as it stands in its files."""
        [directory] = [
            Path(entry.split("=", 1)[1])
            for entry in Path(f"/proc/{self.pids()[0]}/environ").read_text().split("\0")
            if entry.startswith("PROMETHEUS_MULTIPROC_DIR=")
        ]
        values = MmapedDict.read_all_values_from_file(str(directory / f"counter_{worker}.db"))
        return sum(value for key, value, *_ in values if f'"{name}"' in key)


def children(pid: int) -> list[int]:
    """Processes that `pid` has started and not yet reaped, oldest first; those that are dead not included."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            state, parent = _state_and_parent(int(entry.name))
            if parent == pid and state != "Z":
                found.append(int(entry.name))
    return sorted(found)


def is_alive(pid: int) -> bool:
    """Whether there is such a process that is not dead."""
    return _state_and_parent(pid)[0] not in ("", "Z", "X")


def wait_until(condition: Callable[[], bool], what: str, seconds: float = WAIT_SECONDS_MAX) -> None:
    """Returns when it is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def numbers(url: str) -> dict[str, float]:
    """A metrics page, asked for on a connection of its own, so that the kernel chooses the worker."""
    families = text_string_to_metric_families(_page(f"{url}/metrics"))
    found: dict[str, float] = {}
    for family in families:
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def _page(url: str) -> str:
    while True:
        try:
            with urllib.request.urlopen(url, timeout=120) as page:
                text: str = page.read().decode()
                return text
        except ConnectionError:
            # The worker that was to answer has just been killed.
            continue
        except urllib.error.URLError as refused:
            if not isinstance(refused.reason, ConnectionError):
                raise


def _state_and_parent(pid: int) -> tuple[str, int]:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return "", 0
    return fields[0], int(fields[1])
