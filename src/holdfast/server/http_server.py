"""The uvicorn server as we run it: one socket, our protocol, no signals of its own, a word when it is ready."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import uvicorn

from holdfast.server.asgi import Face
from holdfast.server.certificate import Certificate

BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How the server meets its clients as a whole."""

    certificate: Certificate | None = None
    """None: without TLS."""
    keep_alive_seconds: int = 75
    stop_seconds_max: int = 60
    """How long requests under way may take after a stop was asked for."""


class HttpServer(uvicorn.Server):
    """Serves `face` on a bound socket until `stop`; `ready` is called when connections are accepted."""

    def __init__(
        self, face: Face, protocol: Any, listener: socket.socket, options: ServerOptions, ready: Callable[[], None]
    ) -> None:
        self._listener = listener
        self._ready = ready
        certificate = options.certificate
        config = uvicorn.Config(
            face,
            interface="asgi3",
            http=protocol,
            ws="none",
            lifespan="off",
            loop="uvloop",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_keep_alive=options.keep_alive_seconds,
            timeout_graceful_shutdown=options.stop_seconds_max,
            ssl_context_factory=None if certificate is None else lambda *_: certificate.context,
        )
        config.load()
        super().__init__(config)

    async def run_until_stopped(self) -> None:
        """Accept connections, and return when `stop` was called and the requests under way are answered."""
        await self.serve(sockets=[self._listener])

    def stop(self) -> None:
        """Ask for a gentle stop; asking a second time stops at once. Call it in the loop's thread."""
        self.force_exit = self.should_exit
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process's business."""
        yield
