"""A real `holdfast serve` in a process of its own, as a stranger would start it: nothing of ours is imported."""

import configparser
import os
import re
import shlex
import subprocess
import sys
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_READY = re.compile(r"holdfast: listening on (http://\S+)")
_START_SECONDS_MAX = 60
_STOP_SECONDS_MAX = 120


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a service listens and who may use it."""

    url: str
    credentials_file: Path
    access_key_id: str
    secret_access_key: str

    def environment(self) -> dict[str, str]:
        """The variables by which any AWS client finds this service."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_SHARED_CREDENTIALS_FILE": str(self.credentials_file),
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


class LiveService:
    """Starts on entry, is asked to stop on exit; an exit code other than 0, or a traceback in its log, is a failure."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.endpoint: Endpoint
        self._log: deque[str] = deque(maxlen=4000)
        self._ready = threading.Event()
        self._url = ""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "holdfast", "serve", "--data", str(self.data), "--listen", "127.0.0.1:0"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._ready.wait(_START_SECONDS_MAX) or not self._url:
            self._process.kill()
            self._process.wait()
            raise AssertionError("holdfast serve did not say that it listens; it said:\n" + self.log())
        self.endpoint = _endpoint(self._url, self.data / "credentials")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            code = self._process.wait(_STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError("holdfast serve did not stop on SIGTERM; it said:\n" + self.log()) from None
        self._reader.join(_STOP_SECONDS_MAX)
        self._process.stdout.close()  # type: ignore[union-attr]
        assert code == 0, f"holdfast serve stopped with exit code {code}:\n{self.log()}"
        assert "Traceback (most recent call last)" not in self.log(), self.log()

    def models(self) -> str:
        """The folder with Holdfast's service models, as `holdfast env` tells it to AWS clients."""
        environment = {**os.environ, **self.endpoint.environment()}
        ran = subprocess.run([sys.executable, "-m", "holdfast", "env"], env=environment, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        exports = [words[1] for line in ran.stdout.splitlines() if (words := shlex.split(line))[:1] == ["export"]]
        return dict(export.split("=", 1) for export in exports)["AWS_DATA_PATH"]

    def log(self) -> str:
        """The last lines that the service wrote."""
        return "".join(self._log)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._log.append(line)
            if not self._url and (found := _READY.search(line)):
                self._url = found.group(1)
                self._ready.set()
        self._ready.set()


def _endpoint(url: str, credentials_file: Path) -> Endpoint:
    profiles = configparser.ConfigParser(interpolation=None)
    profiles.read(credentials_file)
    root = profiles["default"]
    return Endpoint(url, credentials_file, root["aws_access_key_id"], root["aws_secret_access_key"])
