"""One node of a service under attack: a `holdfast serve` process on a port of its own, started again and again.

A node keeps its port and its directory over its lives, as a machine does. Its log holds all of them.
"""

import os
import signal
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from scripts.servers.daemon import Daemon
from scripts.servers.ports import free_port

_READY_SECONDS_MAX = 60.0
_TIMEOUT_SECONDS = 1.0


class Node:
    """Starts as often as it is told to; for one thread."""

    def __init__(self, name: str, folder: Path, options: Sequence[str], settings: Mapping[str, str]) -> None:
        """`options` are flags of `serve`; `settings` are HOLDFAST_* variables, for what must not be a flag."""
        self.name = name
        self.port = free_port()
        self.directory = folder / name
        self.log = folder / f"{name}.log"
        self.lives = 0
        self.memory_kib_max = 0
        """The largest resident set that any life had when somebody looked."""
        self._tether = folder / f"{name}.tether"
        self._tether.mkdir(parents=True, exist_ok=True)
        variables = [f"{word}={value}" for word, value in settings.items()]
        self._command = ["env", *variables, sys.executable, "-m", "holdfast", "serve", "--data", str(self.directory)]
        self._command += ["--listen", f"127.0.0.1:{self.port}", "--log-level", "info", "--log-format", "json", *options]
        self._daemon: Daemon | None = None
        self.paused = False

    @property
    def runs(self) -> bool:
        """Whether it was started and not stopped; it may be paused."""
        return self._daemon is not None

    def start(self) -> None:
        """Begin a life. It is not ready when this returns."""
        assert self._daemon is None
        self.lives += 1
        self._daemon = Daemon(self._command, self._tether, self.log)

    def is_ready(self) -> bool:
        """Whether it says that it can serve."""
        try:
            with urllib.request.urlopen(self._page("health/ready"), timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except OSError:
            return False

    def wait_ready(self) -> None:
        """Returns when it is ready. Raises AssertionError when it ends instead, or is not ready in a minute."""
        until = time.monotonic() + _READY_SECONDS_MAX
        while not self.is_ready():
            assert not self.has_ended(), f"{self.name} ended by itself; see {self.log}"
            assert time.monotonic() < until, f"{self.name} did not become ready; see {self.log}"
            time.sleep(0.05)

    def has_ended(self) -> bool:
        """Whether it ended although nobody ended it."""
        return self._daemon is not None and not self._daemon.runs()

    def kill(self) -> None:
        """SIGKILL, whatever it is doing."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM: the end that an administrator gives it."""
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """SIGSTOP: a machine that sleeps, a virtual one that is moved."""
        assert self._daemon is not None
        self.look_at_memory()
        self.paused = True
        os.kill(self._daemon.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT: it goes on in the middle of whatever it did, and knows nothing of the time between."""
        assert self._daemon is not None
        os.kill(self._daemon.pid, signal.SIGCONT)
        self.paused = False

    def look_at_memory(self) -> None:
        """Note the peak of the resident set, while there is a process to look at."""
        if self._daemon is None:
            return
        with suppress(OSError):
            for line in Path(f"/proc/{self._daemon.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    self.memory_kib_max = max(self.memory_kib_max, int(line.split()[1]))

    def _end(self, how: signal.Signals) -> None:
        if self._daemon is None:
            return
        self.look_at_memory()
        if self.paused:
            self.resume()
        daemon, self._daemon = self._daemon, None
        daemon.end(how)

    def _page(self, page: str) -> str:
        return f"http://127.0.0.1:{self.port}/{page}"
