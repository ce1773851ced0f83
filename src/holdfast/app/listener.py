"""The sockets that a service listens on, and how their address is written in a URL.

Where several processes serve one address, each has a socket of its own, and the kernel deals new connections out among
those that listen: evenly, and to none that is gone. (With one socket for all, whoever wakes first takes a whole burst.)
The address itself is held by one more socket that never listens, so that it stays ours while all of them are away.
"""

import socket
import sys

from holdfast.app.config import ServeOptions
from holdfast.model.errors import Unavailable
from holdfast.server.http_server import BACKLOG


def bind(options: ServeOptions) -> socket.socket:
    """A listening socket on the host and port of `options`. Raises Unavailable, saying why, where it cannot be had."""
    listener = hold(options)
    try:
        listener.listen(BACKLOG)
    except OSError as refused:
        listener.close()
        raise _refusal(options, refused) from refused
    return listener


def hold(options: ServeOptions) -> socket.socket:
    """A socket that has the host and port of `options` and does not listen. Raises Unavailable, as above."""
    host = options.host or None
    try:
        found = socket.getaddrinfo(host, options.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        found.sort(key=lambda each: each[0] != socket.AF_INET)  # 127.0.0.1 before ::1 where a name has both
        family, _, _, _, address = found[0]
        # It does not share the port: where somebody else listens there, even a service of ours, it is refused.
        return _bound(family, address)
    except OSError as refused:
        raise _refusal(options, refused) from refused


def beside(held: socket.socket) -> socket.socket:
    """One of several sockets that may listen on the address that `held` has. Raises Unavailable."""
    try:
        return _bound(held.family, held.getsockname(), shares=True)
    except OSError as refused:
        raise Unavailable(f"the address {held.getsockname()[:2]} cannot be shared: {refused}") from refused


def require_sharing() -> None:
    """Raises Unavailable on systems that do not deal connections out among several sockets."""
    if sys.platform != "linux":
        raise Unavailable("several workers need Linux, which deals connections out among them: use --workers 1")


def url(options: ServeOptions, listener: socket.socket) -> str:
    """The address that clients use, with the port that was really given."""
    host = options.host or "0.0.0.0"  # noqa: S104 - printed, not bound
    name = f"[{host}]" if ":" in host else host
    return f"{'https' if options.tls else 'http'}://{name}:{listener.getsockname()[1]}"


def _bound(family: int, address: object, *, shares: bool = False) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shares:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)  # type: ignore[arg-type]  # as getaddrinfo and getsockname give it
    except BaseException:
        bound.close()
        raise
    return bound


def _refusal(options: ServeOptions, refused: OSError) -> Unavailable:
    return Unavailable(
        f"cannot listen on {options.host}:{options.port}: {refused.strerror or refused}; choose another --listen"
    )
