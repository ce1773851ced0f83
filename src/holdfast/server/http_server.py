"""The uvicorn server as we run it: sockets of ours, our protocol, no signals of its own, a word when it is ready."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from uvicorn._types import ASGI3Application

from holdfast.observe.logs import Logger
from holdfast.observe.metrics import Metrics
from holdfast.server.acceptor import Acceptor
from holdfast.server.asgi import Face
from holdfast.server.certificate import Certificate
from holdfast.server.connection_options import ConnectionOptions
from holdfast.server.intake import Intake, ReadMemory
from holdfast.server.protocol import HoldfastProtocol
from holdfast.server.refusals import Refusals
from holdfast.server.slots import ConnectionSlots, Slot, SlotOptions


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How the server meets its clients as a whole."""

    certificate: Certificate | None = None
    """None: without TLS."""
    keep_alive_seconds: int = 75
    stop_seconds_max: int = 60
    """How long requests under way may take after a stop was asked for."""
    connection: ConnectionOptions = field(default_factory=ConnectionOptions)
    slots: SlotOptions = field(default_factory=SlotOptions)


@dataclass(frozen=True, slots=True)
class OpsDoor:
    """A second address, in plain HTTP, for monitoring; with connections of its own."""

    listener: socket.socket
    connections_max: int
    app: ASGI3Application


class HttpServer(uvicorn.Server):
    """Serves `face` on a bound socket until `stop`; `ready` is called when connections are accepted."""

    def __init__(
        self,
        face: Face,
        listener: socket.socket,
        options: ServerOptions,
        ready: Callable[[], None],
        metrics: Metrics,
        log: Logger,
        ops: OpsDoor | None = None,
    ) -> None:
        self._listener = listener
        self._options = options
        self._ready = ready
        self._ops = ops
        self._log = log.bind(part="connection")
        self._refusals = Refusals(metrics, log)
        self._slots = ConnectionSlots(options.slots, self._evicted)
        self._acceptors: list[Acceptor] = []
        metrics.watch("holdfast_connections", "Connections there are", lambda: len(self._slots))
        certificate = options.certificate
        config = uvicorn.Config(
            face,
            interface="asgi3",
            http=HoldfastProtocol,
            ws="none",
            lifespan="off",
            loop="uvloop",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=options.keep_alive_seconds,
            timeout_graceful_shutdown=options.stop_seconds_max,
            ssl_context_factory=None if certificate is None else lambda *_: certificate.context,
        )
        config.load()
        super().__init__(config)

    async def run_until_stopped(self) -> None:
        """Accept connections, and return when `stop` was called and the requests under way are answered."""
        await self.serve(sockets=[self._listener] if self._ops is None else [self._listener, self._ops.listener])

    def stop(self) -> None:
        """Ask for a gentle stop; asking a second time stops at once. Call it in the loop's thread."""
        self.force_exit = self.should_exit
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - ours are known
        # Instead of uvicorn's own, which would have the event loop accept: see `acceptor`.
        self.servers = []
        await self.lifespan.startup()
        memory = ReadMemory()
        self._open(self._listener, self._slots, memory, tls=True)
        if self._ops is not None:
            slots = ConnectionSlots(SlotOptions(self._ops.connections_max, self._ops.connections_max, 0), self._evicted)
            self._open(self._ops.listener, slots, memory, app=self._ops.app)
        self.started = True
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for acceptor in self._acceptors:
            acceptor.close()
        await super().shutdown(sockets)
        self._refusals.close()

    def _open(
        self, listener: socket.socket, slots: ConnectionSlots, memory: ReadMemory, *, tls: bool = False, app: Any = None
    ) -> None:
        def connection(slot: Slot) -> Intake:
            protocol = HoldfastProtocol(
                self.config,
                self.server_state,
                self.lifespan.state,
                options=self._options.connection,
                refusals=self._refusals,
                log=self._log,
                slot=slot,
                app=app,
            )
            return Intake(protocol, memory)

        acceptor = Acceptor(listener, connection, slots, self._refusals, self.config.ssl if tls else None)
        self._acceptors.append(acceptor)
        acceptor.start()

    def _evicted(self, reason: str, address: str) -> None:
        self._refusals.note(f"gave way: {reason}", address, "it waited for a request, and another connection came")

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process's business."""
        yield
