"""Runs `holdfast serve` and `holdfast` commands in processes of their own, as a person in a shell would."""

import json
import os
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

_READY = re.compile(r"holdfast: listening on (http://\S+)")
_START_SECONDS_MAX = 60
_STOP_SECONDS_MAX = 60

HOLDFAST = [sys.executable, "-m", "holdfast"]
SOME_UNREADABLE = 3


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a `holdfast ... --json` command answered. `exit_code` is 0, or 3: done, but some files could not be read."""

    exit_code: int
    told: dict[str, Any]


class ServiceProcess:
    """A service over `data` on a free port of the loopback, from entry to exit; its log goes to `data`.log."""

    def __init__(self, data: Path, command: Sequence[str] = HOLDFAST) -> None:
        """`command` is how the program is called: another checkout's, where two are compared."""
        self.data = data
        self._command = list(command)
        self.url = ""
        self.log = data.with_name(data.name + ".log")
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        command = [*self._command, "serve", "--data", str(self.data), "--listen", "127.0.0.1:0"]
        self._log_file = self.log.open("w")
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self._log_file, text=True, env=_without_aws()
        )
        threading.Thread(target=self._read, daemon=True).start()
        if not self._ready.wait(_START_SECONDS_MAX) or not self.url:
            self.process.kill()
            raise SystemExit(f"the service did not start; see {self.log}")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            code = self.process.wait(_STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self._log_file.close()
        if code:
            raise SystemExit(f"the service stopped with exit code {code}; see {self.log}")

    def environment(self) -> dict[str, str]:
        """The environment in which `holdfast`, boto3 and the AWS CLI find this service."""
        credentials = str(self.data / "credentials")
        return {**_without_aws(), "AWS_ENDPOINT_URL": self.url, "AWS_SHARED_CREDENTIALS_FILE": credentials}

    def run(self, *words: str) -> CommandResult:
        """Run a `holdfast` command to its end; one that fails ends this program, saying which."""
        ran = subprocess.run(
            [*self._command, *words], env=self.environment(), stdout=subprocess.PIPE, text=True, check=False
        )
        if ran.returncode not in (0, SOME_UNREADABLE):
            raise SystemExit(f"holdfast {' '.join(words)} failed with exit code {ran.returncode}; see {self.log}")
        return CommandResult(ran.returncode, json.loads(ran.stdout))

    def metric(self, name: str) -> float:
        """One number of the service's metrics page, 0 where it has not been counted yet."""
        with urllib.request.urlopen(self.url + "/metrics", timeout=30) as page:  # noqa: S310 - our own http address
            for line in page.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.split(" ")[1])
        return 0.0

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._log_file.write(line)
            if not self.url and (found := _READY.search(line)):
                self.url = found.group(1)
                self._ready.set()
        self._ready.set()


def _without_aws() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
