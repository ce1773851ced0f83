"""One of the processes that serve the same address: `python -m holdfast.app.worker_process DESCRIPTOR`.

Started by `app.supervisor`, which holds the store's lock for it. What is always true here: it writes only as long as
the supervisor lives. The kernel kills it with the supervisor, and the end of their connection ends it as well: at once,
not gently, since another service may hold the lock by then. Nothing that was acknowledged is lost by that, and should
it write once more all the same, it is refused: whoever opens the store ends all its writers.
"""

import ctypes
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import NoReturn

from holdfast.app import core_dumps, hangups
from holdfast.app.attendant import Attendant
from holdfast.app.build import System
from holdfast.app.listener import Listeners
from holdfast.app.process import made_ready, serve_system, service_log
from holdfast.app.reloading import Reloaded, take_over
from holdfast.app.worker_channel import Ready, Refused, Start
from holdfast.app.worker_tie import Tie
from holdfast.model.errors import HoldfastError
from holdfast.observe.logs import ServiceLog
from holdfast.observe.metrics import Metrics
from holdfast.observe.worker_numbers import WorkerNumbers
from holdfast.server.certificate import Certificate

_PR_SET_PDEATHSIG = 1


def main() -> NoReturn:
    """What the supervisor starts."""
    # They are for the supervisor, which says what to do.
    hangups.accept_none()
    core_dumps.forbid()
    tie = Tie(socket.socket(fileno=int(sys.argv[1])))
    start = tie.start()
    _die_with(start.supervisor)
    refusal: str | None = None
    with service_log(start.options) as log:
        try:
            _serve(start, tie, log)
        except HoldfastError as refused:
            refusal = refused.message
        except Exception as defect:
            log.logger.error("an unexpected error", worker=start.place, exc_info=defect)
            refusal = f"an unexpected error: {type(defect).__name__}: {defect}"
    if refusal is not None:
        tie.send(Refused(refusal))
        sys.exit(1)
    sys.exit(0)


def _serve(start: Start, tie: Tie, service_log: ServiceLog) -> None:
    options = start.options
    log = service_log.logger.bind(worker=start.place)
    metrics = Metrics(WorkerNumbers(start.numbers, start.place))
    with made_ready(service_log, metrics), ExitStack() as closing:
        listeners = Listeners(*(closing.enter_context(socket.socket(fileno=each)) for each in start.listeners))
        certificate = None if options.tls is None else Certificate(options.tls)
        system = System(options.store, metrics, log, joins=True)
        closing.callback(system.close)
        attendant = Attendant(tie, system, metrics, log)
        closing.callback(attendant.close)
        tie.on_reload = lambda said: take_over(Reloaded(said.log_level, said.tls), service_log, certificate)

        def orders(stop: Callable[[bool], object]) -> None:
            tie.on_stop = stop

        ready = partial(tie.send, Ready())
        serve_system(options, system, listeners, certificate, metrics, log, ready, orders)
        log.info("stopped")


def _die_with(supervisor: int) -> None:
    """Ask the kernel to kill this process when the supervisor ends; at once, if it has ended already."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        os._exit(1)


if __name__ == "__main__":
    main()
