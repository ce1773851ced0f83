"""HAProxy in front of several nodes, as somebody who runs many of them would put it there.

Each request goes to the next node, also the requests of one connection, so a client's upload is spread over all nodes.
A request is sent again only where it was certainly not begun: when the connection to the node was refused.
"""

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from scripts.servers.daemon import Daemon, pause_until
from scripts.servers.debian import library_path, unpacked
from scripts.servers.ports import free_port

_PROGRAM = "usr/sbin/haproxy"
_START_SECONDS_MAX = 30

_CONFIGURATION = """
global
    stats socket {folder}/admin mode 600 level admin
    maxconn 2000
    nbthread 1
    # heads of requests may be long
    tune.bufsize 131072
    tune.http.maxhdr 500

defaults
    mode http
    timeout connect 2s
    timeout client 10m
    timeout server 10m
    timeout http-request 1m
    timeout check 2s
    retries 3
    retry-on conn-failure
    option redispatch 1

frontend clients
    bind 127.0.0.1:{port}
    # paths are signed: what the grammar frowns upon is for the node to judge
    option accept-invalid-http-request
    default_backend nodes

backend nodes
    balance roundrobin
    http-reuse safe
    option httpchk GET {ready_path}
    http-check expect status 200
    default-server inter {interval} fastinter {interval} downinter {interval} fall 2 rise 1
{servers}
"""


class LoadBalancer:
    """Listens on `port`; the nodes on the ports of `backends` may die and come back there."""

    def __init__(self, backends: Sequence[int], ready_path: str = "/health/ready", interval: str = "200ms") -> None:
        """A node is asked for `ready_path` once per `interval`; twice no good answer, and it gets no requests."""
        self.backends = list(backends)
        self.port = 0
        self._ready_path, self._interval = ready_path, interval
        self._daemon: Daemon | None = None

    def __enter__(self) -> Self:
        program, environment = haproxy()
        self._folder = Path(tempfile.mkdtemp(prefix="holdfast-lb-"))
        self.port = free_port()
        servers = "\n".join(f"    server {port} 127.0.0.1:{port} check" for port in self.backends)
        settings = self._folder / "haproxy.cfg"
        settings.write_text(
            _CONFIGURATION.format(
                folder=self._folder,
                port=self.port,
                servers=servers,
                ready_path=self._ready_path,
                interval=self._interval,
            )
        )
        try:
            self._daemon = Daemon(
                [program, "-db", "-f", str(settings)], self._folder, self._folder / "log", environment, ending="TERM"
            )
            deadline = time.monotonic() + _START_SECONDS_MAX
            while not self._answers():
                pause_until(deadline, "HAProxy", self._daemon)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._daemon is not None:
            self._daemon.end()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def url(self) -> str:
        """Where clients go."""
        return f"http://127.0.0.1:{self.port}"

    def ready(self) -> list[int]:
        """The ports of the nodes that get requests now."""
        return [port for port, row in self._nodes().items() if row["status"].startswith("UP")]

    def requests(self) -> dict[int, int]:
        """How many requests each node has been given."""
        return {port: int(row["stot"]) for port, row in self._nodes().items()}

    def wait_until_ready(self, count: int, seconds: float = 30) -> None:
        """Return when exactly `count` nodes get requests."""
        deadline = time.monotonic() + seconds
        while len(self.ready()) != count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"of the nodes {self.backends}, {self.ready()} are ready, and not {count}")
            time.sleep(0.02)

    def _nodes(self) -> dict[int, dict[str, str]]:
        lines = self._ask("show stat nodes 4 -1").removeprefix("# ").splitlines()
        names = lines[0].split(",")
        rows = [dict(zip(names, line.split(","), strict=False)) for line in lines[1:] if line]
        return {int(row["svname"]): row for row in rows}

    def _ask(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self._folder / "admin"))
            admin.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: admin.recv(65536), b"")).decode()

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return (self._folder / "admin").exists()


def haproxy() -> tuple[str, dict[str, str]]:
    """The program, installed or else unpacked, and the environment it needs."""
    for installed in (shutil.which("haproxy"), f"/{_PROGRAM}"):
        if installed and os.access(installed, os.X_OK):
            return installed, dict(os.environ)
    tree = unpacked("haproxy", ["haproxy"], _PROGRAM)
    return str(tree / _PROGRAM), {**os.environ, "LD_LIBRARY_PATH": library_path(tree)}
