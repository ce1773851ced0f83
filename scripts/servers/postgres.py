"""A PostgreSQL of one's own: real, empty, on the loopback, gone with whoever started it.

It is the distribution's server, started over a temporary folder. `fsync` is off: what is tested with it is what the
service does when the database answers, stops or vanishes, not whether PostgreSQL keeps its word in a power cut.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self
from urllib.parse import quote

import psycopg

from scripts.servers.daemon import Daemon, pause_until
from scripts.servers.debian import library_path, unpacked
from scripts.servers.not_here import NotHere
from scripts.servers.ports import free_port

_SUPERUSER = "holdfast"
_MODES = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    "listen_addresses": "127.0.0.1",
}
_INITDB = "usr/lib/postgresql/*/bin/initdb"
_START_SECONDS_MAX = 30


class Postgres:
    """A server with a superuser that needs no password, reached by a Unix socket and by TCP."""

    def __init__(self, settings: dict[str, str] | None = None) -> None:
        """`settings` go to the server over its own defaults, by their names in postgresql.conf."""
        self._settings = {**_SETTINGS, **(settings or {})}
        self.port = 0
        self._daemon: Daemon | None = None

    def __enter__(self) -> Self:
        programs, self._environment = postgresql()
        self._server = str(programs / "postgres")
        self._as_user, user = _unprivileged()
        # Not below a test's own folder: the path of a socket is at most 107 bytes long.
        self._folder = Path(tempfile.mkdtemp(prefix="holdfast-pg-"))
        try:
            if user is not None:
                os.chown(self._folder, user.pw_uid, user.pw_gid)
            self._run([str(programs / "initdb"), "--pgdata", str(self._folder / "data"), "--username", _SUPERUSER])
            self.port = free_port()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._daemon is not None:
            self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, database: str) -> str:
        """The address of a database, over the socket."""
        return f"postgresql://{_SUPERUSER}@/{database}?host={quote(str(self._folder), safe='')}&port={self.port}"

    def tcp_url(self, database: str, port: int | None = None) -> str:
        """The address of a database over TCP; `port` is that of a proxy in between."""
        return f"postgresql://{_SUPERUSER}@127.0.0.1:{port or self.port}/{database}"

    def new_database(self) -> str:
        """Make an empty database; its name."""
        name = f"t{secrets.token_hex(6)}"
        self._command(f"CREATE DATABASE {name} TEMPLATE template0")
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, ending whoever is connected to it."""
        self._command(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def start(self) -> None:
        """Start, also again after a stop, on the same port; returns when it answers."""
        assert self._daemon is None, "it runs already"
        settings = {**self._settings, "port": str(self.port), "unix_socket_directories": str(self._folder)}
        chosen = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [*self._as_user, self._server, "-D", str(self._folder / "data"), *chosen]
        self._daemon = Daemon(command, self._folder, self._folder / "log", self._environment, ending="QUIT")
        deadline = time.monotonic() + _START_SECONDS_MAX
        while not self._answers():
            pause_until(deadline, "PostgreSQL", self._daemon)

    def stop(self, mode: str = "immediate") -> None:
        """Stop as `pg_ctl stop --mode` would: smart, fast, or immediate (as after a crash)."""
        assert self._daemon is not None, "it does not run"
        daemon, self._daemon = self._daemon, None
        daemon.end(_MODES[mode])

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.url("postgres"), connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def _command(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _run(self, command: list[str]) -> None:
        options = ["--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"]
        ran = subprocess.run(
            [*self._as_user, *command, *options],
            cwd="/",
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode:
            raise NotHere(f"PostgreSQL's initdb failed: {' / '.join(ran.stderr.splitlines())}")


def postgresql() -> tuple[Path, dict[str, str]]:
    """The folder of the newest server's programs, installed or else unpacked, and the environment they need."""
    if installed := _newest(Path("/")):
        return installed, dict(os.environ)
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent, dict(os.environ)
    tree = unpacked("postgresql", ["postgresql"], _INITDB)
    inside = _newest(tree)
    assert inside is not None
    return inside, {**os.environ, "LD_LIBRARY_PATH": library_path(tree)}


def _newest(root: Path) -> Path | None:
    found = sorted(root.glob(_INITDB), key=lambda path: float(path.parts[-3]))
    return found[-1].parent if found else None


def _unprivileged() -> tuple[list[str], pwd.struct_passwd | None]:
    """How a program is started as somebody who is not root, which PostgreSQL refuses, and as whom; None: as we are."""
    if os.geteuid() != 0:
        return [], None
    if shutil.which("setpriv") is None:
        raise NotHere("PostgreSQL refuses to run as root, and this system has no setpriv to run it as somebody else")
    known = {user.pw_name: user for user in pwd.getpwall()}
    user = known.get("postgres") or known.get("nobody")
    if user is None:
        raise NotHere("PostgreSQL refuses to run as root, and there is no user postgres or nobody")
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"], user
