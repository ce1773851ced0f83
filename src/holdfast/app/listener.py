"""The socket that a service listens on, and how it is written in a URL."""

import socket

from holdfast.app.config import ServeOptions
from holdfast.model.errors import Unavailable
from holdfast.server.http_server import BACKLOG


def bind(options: ServeOptions) -> socket.socket:
    """A listening socket on the host and port of `options`. Raises Unavailable, saying why, where it cannot be had."""
    host = options.host or None
    try:
        found = socket.getaddrinfo(host, options.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        found.sort(key=lambda each: each[0] != socket.AF_INET)  # 127.0.0.1 before ::1 where a name has both
        family, _, _, _, address = found[0]
        return socket.create_server(address, family=family, backlog=BACKLOG)
    except OSError as refused:
        raise Unavailable(
            f"cannot listen on {options.host}:{options.port}: {refused.strerror or refused}; choose another --listen"
        ) from refused


def url(options: ServeOptions, listener: socket.socket) -> str:
    """The address that clients use, with the port that was really given."""
    host = options.host or "0.0.0.0"  # noqa: S104 - printed, not bound
    name = f"[{host}]" if ":" in host else host
    return f"{'https' if options.tls else 'http'}://{name}:{listener.getsockname()[1]}"
