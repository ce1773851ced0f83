"""The life of a `holdfast serve`: open, listen, say so, serve, reload on SIGHUP, stop gently on SIGTERM or SIGINT.

A stop lets requests under way finish within a time; what was acknowledged is durable in any case, so that a second
signal, or SIGKILL, loses nothing. With several workers each of them lives this life, and `app.supervisor` starts them.
"""

import asyncio
import gc
import logging
import signal
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import TextIO

import uvloop

from holdfast.app.build import System
from holdfast.app.config import ServeOptions
from holdfast.app.hangups import Hangups
from holdfast.app.listener import Listeners, ops_url, url
from holdfast.app.memory import use_one_heap
from holdfast.app.open_files import allow_open_files, say_if_low, shares
from holdfast.app.option_sources import Sources
from holdfast.app.reachability import Reachability
from holdfast.app.reloading import Reloader, say_doubts, take_over
from holdfast.observe import standard_streams
from holdfast.observe.logs import Logger, ServiceLog, StandardLibraryHandler
from holdfast.observe.metrics import Metrics
from holdfast.observe.standard_streams import OutputLost
from holdfast.server.asgi import BodyOptions, Face
from holdfast.server.certificate import Certificate
from holdfast.server.health import Health
from holdfast.server.http_server import HttpServer, OpsDoor, ServerOptions
from holdfast.server.ops import OpsFace
from holdfast.server.slots import SlotOptions

Orders = Callable[[Callable[[bool], object]], None]
"""Takes what stops a service, gently or (True) at once."""


def serve(options: ServeOptions, out: TextIO, reread: Callable[[], Sources]) -> None:
    """Serve until a signal says stop. `out` gets one line when ready: `holdfast: listening on URL`.

    `reread` reads the options again when a signal asks for it.
    """
    hangups = Hangups()
    with service_log(options) as log:
        reloader = Reloader(options, reread, log.logger)
        if options.workers > 1:
            from holdfast.app.supervisor import supervise

            supervise(options, out, hangups, reloader, log)
        else:
            _serve_alone(options, out, hangups, reloader, log)


@contextmanager
def service_log(options: ServeOptions) -> Iterator[ServiceLog]:
    """The log of this process; what was logged is written when it ends."""
    log = ServiceLog(options.log_level, options.log_format)
    try:
        yield log
    finally:
        log.close()


def _serve_alone(
    options: ServeOptions, out: TextIO, hangups: Hangups, reloader: Reloader, service_log: ServiceLog
) -> None:
    log = service_log.logger
    metrics = Metrics()
    with made_ready(service_log, metrics), ExitStack() as closing:
        certificate = open_certificate(options, log)
        system = System(options.store, metrics, log)
        closing.callback(system.close)
        listeners = closing.enter_context(Listeners.listening(options))
        address = url(options, listeners.main)

        def ready() -> None:
            if system.lock is not None:
                system.lock.announce(address)
            log.info("ready", address=address, ops=ops_url(options, listeners), store=str(options.store.directory))
            say_ready(address, out, log)
            hangups.listen(beside_requests(asyncio.get_running_loop(), reload))

        def reload() -> None:
            reloader.reload(lambda reloaded: take_over(reloaded, service_log, certificate))

        serve_system(options, system, listeners, certificate, metrics, log, ready)
        log.info("stopped", address=address)


def beside_requests(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> Callable[[], None]:
    """Does `work` on a thread, when called by a signal; when the loop has ended, nothing."""

    def begin() -> None:
        with suppress(RuntimeError):
            loop.run_in_executor(None, work)

    def call() -> None:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(begin)

    return call


def open_certificate(options: ServeOptions, log: Logger) -> Certificate | None:
    """The certificate, if the service is to have one. Raises InvalidInput for one that cannot be used."""
    if options.tls is None:
        return None
    certificate = Certificate(options.tls)
    say_doubts(certificate.pair, log)
    return certificate


def say_ready(address: str, out: TextIO, log: Logger) -> None:
    """Say to whatever started the service that it may be used, at `address`."""
    try:
        print(f"holdfast: listening on {address}", file=out, flush=True)
    except (OSError, OutputLost) as refused:
        # It serves all the same, and the log has said where.
        standard_streams.discard(out)
        log.warning("the line on stdout that says so cannot be written", reason=str(refused))


@contextmanager
def made_ready(service_log: ServiceLog, metrics: Metrics) -> Iterator[None]:
    """This process as one that serves: its limits, its memory, its log. For before anything is opened."""
    # Also what the event loop and other libraries say; by themselves they would write, and wait, on stderr.
    logging.getLogger().addHandler(handler := StandardLibraryHandler(service_log.logger))
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    metrics.watch("holdfast_dropped_log_lines", "Lines of the log that were dropped unread", service_log.dropped)
    say_if_low(allow_open_files(), service_log.logger)
    use_one_heap()
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


def serve_system(
    options: ServeOptions,
    system: System,
    listeners: Listeners,
    certificate: Certificate | None,
    metrics: Metrics,
    log: Logger,
    ready: Callable[[], None],
    orders: Orders | None = None,
) -> None:
    """Answers what comes in on `listeners` until a signal says stop; `ready` is called when connections are accepted.

    `orders` is given what to call, from any thread, to stop; then signals only ask for a gentle stop, however many
    come: who gives the orders counts them.
    """
    with ThreadPoolExecutor(options.threads, thread_name_prefix="request") as threads:
        _run(_serve(options, system, listeners, certificate, threads, metrics, log, ready, orders))


async def _serve(
    options: ServeOptions,
    system: System,
    listeners: Listeners,
    certificate: Certificate | None,
    threads: ThreadPoolExecutor,
    metrics: Metrics,
    log: Logger,
    ready: Callable[[], None],
    orders: Orders | None,
) -> None:
    def settled() -> None:
        # What is there by now stays: collecting garbage need not look at it again and again.
        gc.collect()
        gc.freeze()
        ready()

    def not_ready() -> str | None:
        return "stopping" if server.should_exit else reachability.trouble()

    reachability = Reachability(system.asks(), log)
    health = Health(not_ready, metrics, shows_metrics=listeners.ops is None)
    share = shares(allow_open_files())
    ops = None
    if listeners.ops is not None:
        ops = OpsDoor(listeners.ops, share.ops, OpsFace(Health(not_ready, metrics, for_everyone=False)))
    bodies = BodyOptions(body_budget_bytes=options.body_budget_bytes, answer_budget_bytes=options.body_budget_bytes)
    face = Face(system.gateway, health, threads, bodies, metrics, options.trusted_proxies)
    slots = SlotOptions(share.connections, options.connections_per_address, share.reserved, options.trusted_proxies)
    server = HttpServer(face, listeners.main, ServerOptions(certificate, slots=slots), settled, metrics, log, ops)
    loop = asyncio.get_running_loop()

    def stop_gently() -> None:
        if not server.should_exit:
            server.stop()

    def stop_at_once() -> None:
        stop_gently()
        server.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop if orders is None else stop_gently)
    if orders is not None:
        orders(lambda at_once: loop.call_soon_threadsafe(stop_at_once if at_once else stop_gently))
    try:
        await server.run_until_stopped()
    finally:
        reachability.close()


def _run(main: Coroutine[object, object, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)
