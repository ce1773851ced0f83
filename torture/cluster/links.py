"""The ways from the nodes to the database and to the bucket, in a process of their own.

Were they threads beside the clients, every byte would wait for the interpreter's lock, and the nodes would seem slow.
One process has them all; it is told what to do, a line at a time, and answers when that is in force.

Run as `python -m torture.cluster.links TARGET_PORT ...`; it prints the ports of its links.
"""

import random
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from scripts.servers.fault_proxy import FaultProxy

_TOP = Path(__file__).resolve().parent.parent.parent
_END_SECONDS_MAX = 10
_SLOW_BYTES_PER_SECOND = 64 << 10
_DELAY_SECONDS = 0.4

_FLICKER_SECONDS = 0.15
_FLICKER_BYTES_MAX = 8000

MODES = ("pass_all", "cut", "half_open", "slow", "delay", "flicker")
"""`flicker`: again and again all connections break after so many bytes more, in the middle of what is being said."""


class Links:
    """One link for each of `targets`, in that order."""

    def __init__(self, targets: list[int]) -> None:
        self.ports: list[int] = []
        self._targets = targets
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "torture.cluster.links", *map(str, self._targets)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, cwd=_TOP
        )
        assert self._process.stdout is not None
        self.ports = [int(port) for port in self._process.stdout.readline().split()]
        assert len(self.ports) == len(self._targets), "the links did not come up"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()  # at the end of its orders it ends
        self._process.wait(_END_SECONDS_MAX)
        self._process.stdout.close()

    def tell(self, number: int, mode: str) -> None:
        """Returns when the link is in that mode."""
        assert mode in MODES
        assert self._process.stdin is not None and self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(f"{number} {mode}\n")
            assert self._process.stdout.readline() == f"{number} {mode}\n"


class _Flicker:
    """Breaks the connections of some links again and again, in a thread of its own."""

    def __init__(self) -> None:
        self._links: set[FaultProxy] = set()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def begin(self, link: FaultProxy) -> None:
        with self._lock:
            self._links.add(link)

    def end(self, link: FaultProxy) -> None:
        """From here on the link is left alone."""
        with self._lock:
            self._links.discard(link)

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(_FLICKER_SECONDS):
            with self._lock:
                for link in self._links:
                    link.cut_after(random.randrange(1, _FLICKER_BYTES_MAX), stays=False)


def _serve(targets: list[int]) -> None:
    with ExitStack() as closing:
        links = [closing.enter_context(FaultProxy(target)) for target in targets]
        flicker = _Flicker()
        closing.callback(flicker.close)
        print(*(link.port for link in links), flush=True)
        for line in sys.stdin:
            number, mode = line.split()
            link = links[int(number)]
            flicker.end(link)
            match mode:
                case "slow":
                    link.slow(_SLOW_BYTES_PER_SECOND)
                case "delay":
                    link.delay(_DELAY_SECONDS)
                case "flicker":
                    flicker.begin(link)
                case _:
                    getattr(link, mode)()
            print(number, mode, flush=True)


if __name__ == "__main__":
    _serve([int(port) for port in sys.argv[1:]])
