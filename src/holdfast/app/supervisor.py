"""`serve --workers N`: starts the processes that serve one address, starts again those that die, ends them all.

What is always true here: the supervisor holds the store's lock for all of them, and none outlives it. It opens the
store once before it starts any: whatever only somebody alone may do (making a store, ending what an earlier run left)
is done then, and what keeps a store from being opened is said as it would be without workers. From then on the workers
are writers beside each other, as nodes are. They are started by exec and never by fork, because libraries with threads
do not survive a fork. It answers nobody and writes nothing itself, so that there is little that could end it.
"""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO

from holdfast.app.config import ServeOptions
from holdfast.app.first_opening import prepare
from holdfast.app.hangups import Hangups, held_back
from holdfast.app.listener import Listeners, ops_url, require_sharing, url
from holdfast.app.numbers_directory import NumbersDirectory
from holdfast.app.process import beside_requests, open_certificate, say_ready
from holdfast.app.reloading import Reloaded, Reloader, take_over
from holdfast.app.restarts import Restarts
from holdfast.app.worker_channel import (
    Alive,
    Buried,
    Ready,
    Refused,
    Reload,
    Start,
    Stop,
    Writing,
    encode,
    from_worker,
)
from holdfast.blobs.lock import StoreLock
from holdfast.model.errors import HoldfastError, Unavailable
from holdfast.observe import worker_numbers
from holdfast.observe.logs import Logger, ServiceLog

_LOOK_SECONDS = 1.0


def supervise(
    options: ServeOptions, out: TextIO, hangups: Hangups, reloader: Reloader, service_log: ServiceLog
) -> None:
    """As `app.process.serve`, for more than one worker."""
    log = service_log.logger
    require_sharing()
    certificate = open_certificate(options, log)
    with ExitStack() as closing:
        store = prepare(options.store, log)
        lock = StoreLock(store.directory) if store.catalog is None else None
        if lock is not None:
            closing.callback(lock.close)
        held = closing.enter_context(Listeners.held(options))
        numbers = NumbersDirectory(options.workers)
        closing.callback(numbers.close)
        address = url(options, held.main)

        def ready() -> None:
            if lock is not None:
                lock.announce(address)
            where = str(store.directory)
            log.info("ready", address=address, ops=ops_url(options, held), store=where, workers=options.workers)
            say_ready(address, out, log)

        def reload() -> Reload | None:
            found: list[Reload] = []

            def take(reloaded: Reloaded) -> None:
                is_usable = take_over(reloaded, service_log, certificate)
                found.append(Reload(reloaded.log_level, reloaded.tls if is_usable else None))

            reloader.reload(take)
            return found[0] if found else None

        supervisor = _Supervisor(replace(options, store=store), held, numbers.path, log)
        asyncio.run(supervisor.run(ready, hangups, reload))
        log.info("stopped", address=address)


@dataclass(slots=True, eq=False)
class _Worker:
    process: asyncio.subprocess.Process
    lines: asyncio.StreamReader
    orders: asyncio.StreamWriter
    writer_no: int | None = None
    is_ready: bool = False
    refusal: str | None = None
    heard: float = field(default_factory=time.monotonic)

    def stop(self, at_once: bool) -> None:
        if self.is_ready:
            self.orders.write(encode(Stop(at_once)))
        else:
            # Nothing is under way.
            self.signal(signal.SIGTERM)

    def signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            self.process.send_signal(number)


@dataclass(frozen=True, slots=True)
class _Death:
    reason: str
    says_why: bool
    """Whether the reason is the worker's own word."""
    lived_seconds: float


class _Supervisor:
    def __init__(self, options: ServeOptions, held: Listeners, numbers: Path, log: Logger) -> None:
        self._options = options
        self._held = held
        self._numbers = numbers
        self._log = log
        self._workers: dict[int, _Worker] = {}
        """Those whose processes have not ended, by place."""
        self._dead_writers: list[int] = []
        """Of processes that have ended, and nobody has been told so yet."""
        self._announced = False
        self._stopping = asyncio.Event()
        self._failure: HoldfastError | None = None
        self._reloaded: Reload | None = None
        """What was reloaded last; workers that were being started then do not know it."""
        self._spawning = asyncio.Lock()

    async def run(self, ready: Callable[[], None], hangups: Hangups, reload: Callable[[], Reload | None]) -> None:
        """Returns when all workers have ended after a signal; `ready` is called when all serve for the first time.

        `reload` reads the options again and says what is in force then, or None; it may take its time.

        Raises Unavailable, saying why, where they cannot be started.
        """
        self._ready = ready
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        hangups.listen(beside_requests(loop, lambda: self._reload(loop, reload)))
        watching = asyncio.create_task(self._end_silent_ones())
        try:
            await asyncio.gather(*(self._keep(place) for place in range(1, self._options.workers + 1)))
        finally:
            watching.cancel()
            # Only where something unexpected was raised above: nobody may be left behind.
            for worker in self._workers.values():
                worker.signal(signal.SIGKILL)
        if self._failure is not None:
            raise self._failure

    def _reload(self, loop: asyncio.AbstractEventLoop, reload: Callable[[], Reload | None]) -> None:
        reloaded = reload()
        if reloaded is not None:
            loop.call_soon_threadsafe(self._pass_on, reloaded)

    def _pass_on(self, reloaded: Reload) -> None:
        """Every worker, also one that is started later, goes on with what was reloaded."""
        self._reloaded = reloaded
        self._options = replace(self._options, log_level=reloaded.log_level, tls=reloaded.tls or self._options.tls)
        for worker in self._workers.values():
            if worker.is_ready:
                worker.orders.write(encode(reloaded))

    def _stop(self) -> None:
        """Asks every worker for a gentle stop; asked a second time, for one at once."""
        at_once = self._stopping.is_set()
        self._stopping.set()
        for worker in self._workers.values():
            worker.stop(at_once)

    async def _keep(self, place: int) -> None:
        """Sees to it that there is a worker at that place, until the service stops."""
        restarts = Restarts()
        while not self._stopping.is_set():
            death = await self._live(place)
            if self._stopping.is_set():
                return
            restarts = restarts.after(death.lived_seconds)
            others = any(worker.is_ready for worker in self._workers.values())
            if restarts.is_hopeless(announced=self._announced, others_serve=others, says_why=death.says_why):
                self._failure = Unavailable(
                    death.reason if death.says_why else f"worker {place} does not live: {death.reason}; see the log"
                )
                self._stop()
                return
            self._log.error("a worker is started again", worker=place, reason=death.reason, deaths=restarts.deaths)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), restarts.pause_seconds)

    async def _live(self, place: int) -> _Death:
        """The life of one worker."""
        began = time.monotonic()
        try:
            worker = await self._start(place)
        except (OSError, Unavailable) as refused:
            return _Death(str(refused), says_why=False, lived_seconds=0.0)
        code = await self._attend(worker)
        del self._workers[place]
        worker_numbers.forget_gauges(self._numbers, place)
        # What it had begun need not wait until the others have missed its signs of life.
        if worker.writer_no is not None:
            self._dead_writers.append(worker.writer_no)
            self._tell_a_survivor()
        reason = worker.refusal or f"it ended with {_in_words(code)}"
        return _Death(reason, worker.refusal is not None, time.monotonic() - began)

    async def _start(self, place: int) -> _Worker:
        ours, theirs = socket.socketpair()
        with theirs, self._held.shared() as listeners:
            process = await self._spawn((theirs.fileno(), *listeners.descriptors))
            start = Start(self._options, place, os.getpid(), listeners.descriptors, self._numbers)
        lines, orders = await asyncio.open_connection(sock=ours)
        orders.write(encode(start))
        worker = self._workers[place] = _Worker(process, lines, orders)
        if self._stopping.is_set():
            worker.stop(at_once=False)
        return worker

    async def _spawn(self, descriptors: tuple[int, ...]) -> asyncio.subprocess.Process:
        # A hangup for all must not end a worker that has not come to ignore it. One worker at a time: the first to be
        # there would no longer hold it back for the others.
        async with self._spawning:
            with held_back():
                return await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-P",
                    "-m",
                    "holdfast.app.worker_process",
                    str(descriptors[0]),
                    stdout=2,  # the one line on stdout is the supervisor's
                    pass_fds=descriptors,
                    process_group=0,  # Ctrl-C in a terminal is for the supervisor, which passes it on once
                    env={**os.environ, worker_numbers.DIRECTORY_VARIABLE: str(self._numbers)},
                )

    async def _attend(self, worker: _Worker) -> int:
        """Hears what the worker says until it has ended; its exit code."""
        with suppress(ConnectionError):
            while line := await worker.lines.readline():
                worker.heard = time.monotonic()
                match from_worker(line):
                    case Writing(writer_no):
                        worker.writer_no = writer_no
                    case Refused(message):
                        worker.refusal = message
                    case Ready():
                        worker.is_ready = True
                        self._welcome(worker)
                    case Alive():
                        pass
        worker.orders.close()
        return await worker.process.wait()

    def _welcome(self, worker: _Worker) -> None:
        """One more serves."""
        if self._stopping.is_set():
            worker.stop(at_once=False)
            return
        if self._reloaded is not None:
            worker.orders.write(encode(self._reloaded))
        self._tell_a_survivor()
        ready = sum(worker.is_ready for worker in self._workers.values())
        if not self._announced and ready == self._options.workers:
            self._announced = True
            self._ready()

    def _tell_a_survivor(self) -> None:
        survivor = next((worker for worker in self._workers.values() if worker.is_ready), None)
        if survivor is not None and self._dead_writers:
            survivor.orders.write(encode(Buried(self._dead_writers)))
            self._dead_writers = []

    async def _end_silent_ones(self) -> None:
        """Kills workers that are stuck: stopped by somebody, or waiting for a disk that does not answer."""
        silent_seconds_max = self._options.store.node_silence_seconds
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for place, worker in self._workers.items():
                silent_seconds = time.monotonic() - worker.heard
                if worker.is_ready and silent_seconds > silent_seconds_max:
                    self._log.error("a worker is stuck and is killed", worker=place, silent_seconds=silent_seconds)
                    worker.signal(signal.SIGKILL)


def _in_words(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return f"signal {signal.Signals(-code).name}"
    return f"signal {-code}"
