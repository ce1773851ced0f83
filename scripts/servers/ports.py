"""Ports for servers that must find theirs free again after a restart.

The kernel gives outgoing connections ports of its ephemeral range; a server that stops and comes back would now and
then find its port taken by one of them. So ports are drawn from below that range, by chance, because several test
processes draw at the same time.
"""

import secrets
import socket

_FIRST, _LAST = 10_000, 32_000
_TRIES = 200


def free_port() -> int:
    """A port of the loopback on which nobody listens at this moment."""
    for _ in range(_TRIES):
        port = _FIRST + secrets.randbelow(_LAST - _FIRST)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"{_TRIES} ports between {_FIRST} and {_LAST} were tried and all are taken")
