import io
import socket
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import uvloop

from holdfast.model.networks import Networks
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics
from holdfast.server.asgi import NO_NETWORKS, BodyOptions, Face
from holdfast.server.connection_options import ConnectionOptions
from holdfast.server.gateway import EarlyHandler, Handler
from holdfast.server.health import Health
from holdfast.server.http_server import HttpServer, ServerOptions
from holdfast.server.slots import SlotOptions
from tests.server.live import HANDLERS, Live, Start, build_gateway


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts servers; each is stopped at the end."""
    with starting() as start:
        yield start


@contextmanager
def starting() -> Iterator[Start]:
    """The same, for a fixture of another scope."""
    running: list[Live] = []

    def begin(
        handlers: Mapping[str, Handler] = HANDLERS,
        early: Mapping[str, EarlyHandler] | None = None,
        connection: ConnectionOptions | None = None,
        bodies: BodyOptions | None = None,
        server_options: ServerOptions | None = None,
        trusted_proxies: Networks = NO_NETWORKS,
        slots: SlotOptions | None = None,
    ) -> Live:
        metrics, log = Metrics(), io.StringIO()
        gateway = build_gateway(handlers, early, metrics, log)
        threads = ThreadPoolExecutor(8)
        face = Face(gateway, Health(lambda: None, metrics), threads, bodies or BodyOptions(), metrics, trusted_proxies)
        listener = socket.create_server(("127.0.0.1", 0))
        ready = threading.Event()
        options = server_options or ServerOptions(
            connection=connection or ConnectionOptions(), slots=slots or SlotOptions()
        )
        server = HttpServer(face, listener, options, ready.set, metrics, open_log("info", "json", log))
        loop = uvloop.new_event_loop()

        def run() -> None:
            loop.run_until_complete(server.run_until_stopped())
            loop.close()

        thread = threading.Thread(target=run)
        thread.start()
        assert ready.wait(120)
        port = listener.getsockname()[1]
        running.append(Live(port, metrics, log, server, loop, thread, threads, face))
        return running[-1]

    try:
        yield begin
    finally:
        for live in running:
            live.close()
