"""`holdfast serve` in a process of its own, as people start it."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Service:
    process: subprocess.Popen[str]
    url: str
    log: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def environ(self, data: Path) -> dict[str, str]:
        return {"AWS_ENDPOINT_URL": self.url, "AWS_SHARED_CREDENTIALS_FILE": str(data / "credentials")}

    def terminate(self) -> int:
        self.process.terminate()
        return self.process.wait(120)


def holdfast(*arguments: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "holdfast", *arguments]
    given = {**os.environ, **(environ or {})}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=given)


@contextmanager
def serving(data: Path, *arguments: str, under: tuple[str, ...] = ()) -> Iterator[Service]:
    """`under` is a command that starts the service, with a limit for instance."""
    log = data.parent / f"{data.name}.log"
    started = (*under, sys.executable, "-m", "holdfast", "serve")
    command = [*started, "--data", str(data), "--listen", "127.0.0.1:0", *arguments]
    with log.open("w") as stderr:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        ready = re.fullmatch(r"holdfast: listening on (https?://127\.0\.0\.1:[0-9]+)\n", line)
        assert ready, (line, log.read_text())
        yield Service(process, ready[1], log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


def wait_for(condition, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
