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
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from typing import NoReturn

from holdfast.app.attendant import Attendant
from holdfast.app.build import System
from holdfast.app.process import made_ready, serve_system
from holdfast.app.worker_channel import Ready, Refused, Start
from holdfast.app.worker_tie import Tie
from holdfast.model.errors import HoldfastError
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics
from holdfast.observe.worker_numbers import WorkerNumbers

_PR_SET_PDEATHSIG = 1


def main() -> NoReturn:
    """What the supervisor starts."""
    tie = Tie(socket.socket(fileno=int(sys.argv[1])))
    start = tie.start()
    _die_with(start.supervisor)
    try:
        _serve(start, tie)
    except HoldfastError as refused:
        tie.send(Refused(refused.message))
        sys.exit(1)
    except Exception as defect:  # noqa: BLE001 - a defect; whoever runs the service gets a line and the traceback
        traceback.print_exc()
        tie.send(Refused(f"an unexpected error: {type(defect).__name__}: {defect}"))
        sys.exit(1)
    sys.exit(0)


def _serve(start: Start, tie: Tie) -> None:
    options = start.options
    log = open_log(options.log_level, options.log_format).bind(worker=start.place)
    metrics = Metrics(WorkerNumbers(start.numbers, start.place))
    with made_ready(log), ExitStack() as closing:
        listener = socket.socket(fileno=start.listener)
        closing.callback(listener.close)
        system = System(options.store, metrics, log, joins=True)
        closing.callback(system.close)
        attendant = Attendant(tie, system, metrics, log)
        closing.callback(attendant.close)

        def orders(stop: Callable[[bool], object]) -> None:
            tie.on_stop = stop

        serve_system(options, system, listener, metrics, log, lambda: tie.send(Ready()), orders)
        log.info("stopped")


def _die_with(supervisor: int) -> None:
    """Ask the kernel to kill this process when the supervisor ends; at once, if it has ended already."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        os._exit(1)


if __name__ == "__main__":
    main()
