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

from holdfast.app.build import System
from holdfast.app.config import ServeOptions, StoreOptions
from holdfast.app.listener import beside, hold, require_sharing, url
from holdfast.app.numbers_directory import NumbersDirectory
from holdfast.app.process import say_ready
from holdfast.app.restarts import Restarts
from holdfast.app.worker_channel import (
    Alive,
    Buried,
    Ready,
    Refused,
    Start,
    Stop,
    Writing,
    encode,
    from_worker,
)
from holdfast.blobs.lock import StoreLock
from holdfast.catalog import writers
from holdfast.catalog.transaction import Tx
from holdfast.model.errors import HoldfastError, Unavailable
from holdfast.model.purpose import Purpose
from holdfast.observe import worker_numbers
from holdfast.observe.logs import Logger, open_log
from holdfast.observe.metrics import Metrics

_LOOK_SECONDS = 1.0


def supervise(options: ServeOptions, out: TextIO) -> None:
    """As `app.process.serve`, for more than one worker."""
    log = open_log(options.log_level, options.log_format)
    require_sharing()
    with ExitStack() as closing:
        store = _prepare(options.store, log)
        lock = StoreLock(store.directory) if store.catalog is None else None
        if lock is not None:
            closing.callback(lock.close)
        held = hold(options)
        closing.callback(held.close)
        numbers = NumbersDirectory(options.workers)
        closing.callback(numbers.close)
        address = url(options, held)

        def ready() -> None:
            if lock is not None:
                lock.announce(address)
            log.info("ready", address=address, store=str(store.directory), workers=options.workers)
            say_ready(address, out)

        supervisor = _Supervisor(replace(options, store=store), held, numbers.path, log)
        asyncio.run(supervisor.run(ready))
        log.info("stopped", address=address)


def _prepare(options: StoreOptions, log: Logger) -> StoreOptions:
    """Opens and closes the store; the options for the workers, with the pass phrase if somebody has typed it.

    Between this and taking the lock again another service may have come and gone: nothing here relies on it.
    """
    passphrase = options.unlock.passphrase
    typed: list[str] = []

    def ask() -> str:
        assert passphrase.ask is not None
        typed.append(passphrase.ask())
        return typed[-1]

    asked = replace(passphrase, ask=ask if passphrase.ask else None)
    system = System(
        replace(options, unlock=replace(options.unlock, passphrase=asked)), Metrics(), log, background=False
    )
    try:
        if system.lock is not None:
            # Itself included: the packs that it may have begun are for the workers to look after.
            system.commits.submit((), _end_all, Purpose.BEGIN)
    finally:
        system.close()
    known = replace(passphrase, ask=None, text=typed[-1] if typed else passphrase.text)
    return replace(options, unlock=replace(options.unlock, passphrase=known))


def _end_all(tx: Tx, _: object) -> None:
    for writer_no in writers.live(tx):
        writers.end(tx, writer_no)


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
    def __init__(self, options: ServeOptions, held: socket.socket, numbers: Path, log: Logger) -> None:
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

    async def run(self, ready: Callable[[], None]) -> None:
        """Returns when all workers have ended after a signal; `ready` is called when all serve for the first time.

        Raises Unavailable, saying why, where they cannot be started.
        """
        self._ready = ready
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
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
        with theirs, beside(self._held) as listener:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "holdfast.app.worker_process",
                str(theirs.fileno()),
                stdout=2,  # the one line on stdout is the supervisor's
                pass_fds=(theirs.fileno(), listener.fileno()),
                process_group=0,  # Ctrl-C in a terminal is for the supervisor, which passes it on once
                env={**os.environ, worker_numbers.DIRECTORY_VARIABLE: str(self._numbers)},
            )
            start = Start(self._options, place, os.getpid(), listener.fileno(), self._numbers)
        lines, orders = await asyncio.open_connection(sock=ours)
        orders.write(encode(start))
        worker = self._workers[place] = _Worker(process, lines, orders)
        if self._stopping.is_set():
            worker.stop(at_once=False)
        return worker

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
