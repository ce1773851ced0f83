"""nginx and Caddy in front of one node, set up as docs/deploy.md says; HAProxy has `load_balancer`."""

import os
import shutil
import socket
import tempfile
import time
from pathlib import Path
from typing import Self

from scripts.servers.daemon import Daemon, pause_until
from scripts.servers.debian import library_path, unpacked
from scripts.servers.ports import free_port

_START_SECONDS_MAX = 30

_NGINX = """
daemon off;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream nodes {{ server 127.0.0.1:{backend}; keepalive 8; }}
    server {{
        listen 127.0.0.1:{port};
        merge_slashes off;
        client_max_body_size 80m;
        location / {{
            proxy_pass http://nodes;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Connection "";
            proxy_request_buffering off;
            proxy_buffering off;
        }}
    }}
}}
"""

_CADDY = """
{{
    admin off
    auto_https off
}}
http://127.0.0.1:{port} {{
    bind 127.0.0.1
    reverse_proxy 127.0.0.1:{backend}
}}
"""


class _ReverseProxy:
    """Listens on `port` and passes requests on to the port `backend`."""

    name = ""
    configuration = ""

    def __init__(self, backend: int) -> None:
        self.port = 0
        self._backend = backend
        self._daemon: Daemon | None = None

    def __enter__(self) -> Self:
        program, environment = installed(self.name)
        self._folder = Path(tempfile.mkdtemp(prefix=f"holdfast-{self.name}-"))
        self._folder.chmod(0o755)
        self.port = free_port()
        settings = self._folder / "settings"
        settings.write_text(self.configuration.format(folder=self._folder, port=self.port, backend=self._backend))
        environment = {**environment, "HOME": str(self._folder), "XDG_DATA_HOME": str(self._folder)}
        try:
            command = [program, *self.arguments(settings)]
            self._daemon = Daemon(command, self._folder, self._folder / "log", environment, ending="TERM")
            deadline = time.monotonic() + _START_SECONDS_MAX
            while not self._answers():
                pause_until(deadline, self.name, self._daemon)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._daemon is not None:
            self._daemon.end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def arguments(self, settings: Path) -> list[str]:
        """What the program is started with."""
        raise NotImplementedError

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


class Nginx(_ReverseProxy):
    """Answers `Expect` itself and never passes it on."""

    name = "nginx"
    configuration = _NGINX

    def arguments(self, settings: Path) -> list[str]:
        return ["-p", str(settings.parent), "-c", str(settings)]


class Caddy(_ReverseProxy):
    """Answers `Expect` itself and passes it on as well."""

    name = "caddy"
    configuration = _CADDY

    def arguments(self, settings: Path) -> list[str]:
        return ["run", "--config", str(settings), "--adapter", "caddyfile"]


_PACKAGES = {"nginx": (["nginx-light"], "usr/sbin/nginx"), "caddy": (["caddy"], "usr/bin/caddy")}


def installed(name: str) -> tuple[str, dict[str, str]]:
    """The program `name`, installed or else unpacked from Debian's package, and the environment it needs."""
    packages, place = _PACKAGES[name]
    for found in (shutil.which(name), f"/{place}"):
        if found and os.access(found, os.X_OK):
            return found, dict(os.environ)
    tree = unpacked(name, packages, place)
    return str(tree / place), {**os.environ, "LD_LIBRARY_PATH": library_path(tree)}
