"""The sockets that a service listens on, and how their address is written in a URL.

Where several processes serve one address, each has a socket of its own, and the kernel deals new connections out among
those that listen: evenly, and to none that is gone. (With one socket for all, whoever wakes first takes a whole burst.)
The address itself is held by one more socket that never listens, so that it stays ours while all of them are away.
"""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from holdfast.app.config import ServeOptions
from holdfast.model.errors import Unavailable
from holdfast.server.acceptor import BACKLOG


@dataclass(frozen=True, slots=True)
class Listeners:
    """The sockets of a service; closed where the block that they were opened for ends."""

    main: socket.socket
    ops: socket.socket | None = None
    """For those who watch the service: health and metrics."""

    @classmethod
    @contextmanager
    def listening(cls, options: ServeOptions) -> "Iterator[Listeners]":
        """Sockets that listen. Raises Unavailable, saying why, where one cannot be had."""
        ops = options.ops
        with bind(options) as main, _listening(*ops, "--ops-listen") if ops else nullcontext() as watched:
            yield cls(main, watched)

    @classmethod
    @contextmanager
    def held(cls, options: ServeOptions) -> "Iterator[Listeners]":
        """Sockets that have the addresses and do not listen. Raises Unavailable."""
        ops = options.ops
        with hold(options) as main, _held(*ops, "--ops-listen") if ops else nullcontext() as watched:
            yield cls(main, watched)

    @contextmanager
    def shared(self) -> "Iterator[Listeners]":
        """One of several pairs that may listen on the addresses that these hold. Raises Unavailable."""
        with beside(self.main) as main, beside(self.ops) if self.ops else nullcontext() as watched:
            yield Listeners(main, watched)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Of all of them."""
        return tuple(each.fileno() for each in (self.main, self.ops) if each is not None)


def bind(options: ServeOptions) -> socket.socket:
    """A listening socket on the host and port of `options`. Raises Unavailable, saying why, where it cannot be had."""
    return _listening(options.host, options.port, "--listen")


def hold(options: ServeOptions) -> socket.socket:
    """A socket that has the host and port of `options` and does not listen. Raises Unavailable, as above."""
    return _held(options.host, options.port, "--listen")


def _listening(host: str, port: int, word: str) -> socket.socket:
    listener = _held(host, port, word)
    try:
        listener.listen(BACKLOG)
    except OSError as refused:
        listener.close()
        raise _refusal(host, port, word, refused) from refused
    return listener


def _held(host: str, port: int, word: str) -> socket.socket:
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        found.sort(key=lambda each: each[0] != socket.AF_INET)  # 127.0.0.1 before ::1 where a name has both
        family, _, _, _, address = found[0]
        # It does not share the port: where somebody else listens there, even a service of ours, it is refused.
        return _bound(family, address)
    except OSError as refused:
        raise _refusal(host, port, word, refused) from refused


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
    return _url("https" if options.tls else "http", options.host, listener)


def ops_url(options: ServeOptions, listeners: Listeners) -> str | None:
    """The same of the address for those who watch."""
    return None if listeners.ops is None or options.ops is None else _url("http", options.ops[0], listeners.ops)


def _url(scheme: str, host: str, listener: socket.socket) -> str:
    shown = host or "0.0.0.0"  # noqa: S104 - printed, not bound
    name = f"[{shown}]" if ":" in shown else shown
    return f"{scheme}://{name}:{listener.getsockname()[1]}"


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


def _refusal(host: str, port: int, word: str, refused: OSError) -> Unavailable:
    return Unavailable(f"cannot listen on {host}:{port}: {refused.strerror or refused}; choose another {word}")
