"""The threads that keep a store busy for a life: conductors and mates, readers, and whoever cares for the store.

A life ends by an attack from outside; until then nothing that these threads ask for may fail, except where an actor
says that it understands. The first unexpected error ends the life with a finding.
"""

import random
import threading
import traceback
from collections.abc import Callable
from functools import partial

from holdfast.client.api import Api
from holdfast.model.errors import CallerError
from torture.actor import Conductor, Mate
from torture.care import Carer
from torture.compare import compare
from torture.hand import Hand
from torture.journal import LedgerJournal
from torture.service import Service

SOURCES = ("default/home", "default/mail", "second/home")
VAULTS = ("default", "second")
_READER_REST_SECONDS = 0.02


class Crew:
    """Starts its threads when told; each works until `stop`, or until something is not as it must be."""

    def __init__(self, service: Service, hand: Hand, journal: LedgerJournal, dice: random.Random, life: int) -> None:
        self.findings: list[str] = []
        """What went wrong: tracebacks and sentences."""
        self._journal = journal
        self._stop = threading.Event()
        self._works: list[Callable[[], object]] = []
        for source in SOURCES:
            conductor = Conductor(hand, journal, source, "c", random.Random(dice.random()), life)
            mate = Mate(hand, journal, source, "m", random.Random(dice.random()), life)
            self._works.append(partial(conductor.backup, self._stop.is_set))
            self._works.append(partial(self._join_in, mate))
        reader = random.Random(dice.random())
        self._works.append(lambda: self._read_a_point(service.api, reader))
        carer = Carer(service, VAULTS, random.Random(dice.random()))
        self._works.append(lambda: self._tell(carer.care()))
        self._threads = [threading.Thread(target=self._work, args=(work,), daemon=True) for work in self._works]

    def start(self) -> None:
        """All threads begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends every thread after what it is doing."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait(self) -> None:
        """Returns when there is a finding, or after `stop`."""
        self._stop.wait()

    def _work(self, work: Callable[[], object]) -> None:
        try:
            while not self._stop.is_set():
                work()
        except BaseException:  # noqa: BLE001 - whatever it is, it is what this is all for
            self.findings.append(traceback.format_exc())
            self._stop.set()

    def _join_in(self, mate: Mate) -> None:
        if not mate.join_in():
            self._stop.wait(0.001)

    def _read_a_point(self, api: Api, dice: random.Random) -> None:
        """A restore that runs while points are deleted, chunks collected and packs rewritten under it."""
        with self._journal.lock:
            kept = self._journal.ledger.points.values()
            points = [point for point in kept if point.there and not point.view.is_doubtful()]
            point = dice.choice(points) if points else None
            view = point.view.copy() if point else None
        if point is None or view is None:
            self._stop.wait(0.002)
            return
        try:
            reader = api.start_restore_job(point.arn)
            found = compare(api, reader, view, dice, objects_max=8)
            api.complete_restore_job(reader)
        except CallerError:
            # Only one whose deletion was asked for may go away under its reader.
            if point.there:
                raise
            return
        self._tell([f"read of {point.arn} of {point.source} while others worked: {one}" for one in found.wrong])
        self._stop.wait(dice.random() * _READER_REST_SECONDS)

    def _tell(self, found: list[str]) -> None:
        if found:
            self.findings += found
            self._stop.set()
