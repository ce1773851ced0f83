"""A `holdfast serve` that a test may kill at any moment and start again on the same store."""

import configparser
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from holdfast.client.api import Api
from holdfast.client.call import Credentials
from holdfast.client.endpoint import parse_endpoint
from holdfast.client.http import HttpTransport
from tests.backends import Place
from torture.tether import die_with_parent

_START_SECONDS_MAX = 60


class ServerProcess:
    """One store and, between `start` and `kill` or `stop`, a server on it."""

    def __init__(self, place: Place, *options: str) -> None:
        self.data = place.folder
        self._options = [*place.arguments(), *options]
        self._environment = place.environment()
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        self.log: list[str] = []

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns when the server listens."""
        command = [sys.executable, "-m", "holdfast", "serve", "--data", str(self.data), "--listen", "127.0.0.1:0"]
        process = subprocess.Popen(
            [*command, *self._options],
            env=os.environ | self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A test that is cut off for its time ends without cleaning up.
            preexec_fn=die_with_parent,  # noqa: PLW1509 - it makes one system call and takes no lock
        )
        ready = threading.Event()

        def read() -> None:
            assert process.stdout is not None
            with process.stdout:
                for line in process.stdout:
                    self.log.append(line)
                    if "holdfast: listening on " in line:
                        self.url = line.split("listening on ")[1].strip()
                        ready.set()
            ready.set()

        self._reader = threading.Thread(target=read, daemon=True)
        self._reader.start()
        self._process = process
        assert ready.wait(_START_SECONDS_MAX) and process.poll() is None, "".join(self.log[-50:])

    def kill(self) -> None:
        """SIGKILL: no chance to write anything more."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self._process is not None
        self._process.terminate()
        code = self._process.wait(60)
        self._reader.join()
        return code

    def api(self, *, attempts_max: int = 1) -> Api:
        """A client with the root key. With one attempt a request that was not answered is not acknowledged."""
        profiles = configparser.ConfigParser(interpolation=None)
        profiles.read(self.data / "credentials")
        key = profiles["default"]
        credentials = Credentials(key["aws_access_key_id"], key["aws_secret_access_key"])
        return Api(HttpTransport(parse_endpoint(self.url, "the test")), credentials, attempts_max=attempts_max)

    def peak_memory_bytes(self) -> int:
        """The most that was ever resident, as the kernel counted it (VmHWM)."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("this kernel does not count VmHWM")
