"""The clients of a service of many nodes, over HTTP: they write, they read, they care for it, and they get through.

They are the actors of `torture.actor` with a patient hand, and so are held to the same ledger.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from holdfast.client.api import Api
from holdfast.client.call import Credentials
from holdfast.client.endpoint import Endpoint
from holdfast.client.http import HttpTransport
from holdfast.model.errors import CallerError
from torture.actor import Conductor, Mate
from torture.care import Carer
from torture.cluster.patience import Patience, PatientHand
from torture.compare import compare
from torture.crew import VAULTS
from torture.journal import LedgerJournal

_CONNECT_SECONDS_MAX = 5.0
_ANSWER_SECONDS_MAX = 45.0
_SHORT_OF_PATIENCE = (4.0, 10.0, 45.0)
"""A writer that gives an answer up so soon asks another node while the first is still at it."""
_ATTEMPTS_MAX = 100
_POINTS_MAX = 5
_OBJECTS_READ_MAX = 12
_NUMBERS_EACH = 10_000_000
_REST_SECONDS = 0.05

Stopping = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Door:
    """Where the service is, and who comes; it knows all that came in."""

    endpoint: Endpoint
    credentials: Credentials
    _opened: list[Api] = field(default_factory=list)

    def api(
        self, patience: Patience, attempts_max: int = _ATTEMPTS_MAX, answer_seconds_max: float = _ANSWER_SECONDS_MAX
    ) -> Api:
        """A client with connections of its own. With more than one attempt it is patient by itself."""

        def sleep(seconds: float) -> None:
            patience.count("asked again by the client")
            time.sleep(seconds)

        # A load balancer ends a connection without an answer when a node dies: with one attempt, that is its end.
        transport = HttpTransport(
            self.endpoint,
            connect_seconds_max=_CONNECT_SECONDS_MAX,
            idle_seconds_max=answer_seconds_max,
            sends_again=attempts_max > 1,
        )
        api = Api(transport, self.credentials, attempts_max=attempts_max, sleep=sleep)
        self._opened.append(api)
        return api

    def close(self) -> None:
        """Close the connections of all clients."""
        for api in self._opened:
            api.close()


@dataclass(slots=True)
class _Remote:
    """What `Carer` cares for."""

    api: Api


class Writer:
    """Backs one source up again and again, and deletes recovery points of it; its last job it commits."""

    def __init__(self, hand: PatientHand, journal: LedgerJournal, source: str, dice: random.Random) -> None:
        self.hand = hand
        self._conductor = Conductor(hand, journal, source, "c", dice, points_max=_POINTS_MAX)

    def work(self, stopping: Stopping) -> list[str]:
        """Until it is told to stop."""
        while not stopping():
            self._conductor.backup(stopping)
        if (job := self._conductor.running()) is not None:
            self.hand.commit(job.uid)
        return []


class Companion:
    """Writes to the job that a writer has running, at the same time."""

    def __init__(self, hand: PatientHand, journal: LedgerJournal, source: str, dice: random.Random) -> None:
        self.hand = hand
        self._mate = Mate(hand, journal, source, "m", dice)

    def work(self, stopping: Stopping) -> list[str]:
        """Until it is told to stop."""
        while not stopping():
            if not self._mate.join_in():
                time.sleep(_REST_SECONDS)
        return []


class Reader:
    """Restores recovery points while they are deleted, collected and rewritten under it, and compares every byte."""

    def __init__(self, api: Api, journal: LedgerJournal, dice: random.Random) -> None:
        self.points = 0
        self.objects = 0
        self._api = api
        self._journal = journal
        self._dice = dice

    def work(self, stopping: Stopping) -> list[str]:
        """Until it is told to stop, or finds what must not be."""
        found: list[str] = []
        while not stopping() and not found:
            found = self._read_a_point()
            time.sleep(self._dice.random() * _REST_SECONDS)
        return found

    def _read_a_point(self) -> list[str]:
        with self._journal.lock:
            known = list(self._journal.ledger.points.values())
            points = [point for point in known if point.there and not point.view.is_doubtful()]
            point = self._dice.choice(points) if points else None
            view = point.view.copy() if point else None
        if point is None or view is None:
            return []
        try:
            reader = self._api.start_restore_job(point.arn)
            comparison = compare(self._api, reader, view, self._dice, _OBJECTS_READ_MAX)
            self._api.complete_restore_job(reader)
        except CallerError:
            # Only one whose deletion was asked for may go away under its reader.
            if point.there:
                raise
            return []
        self.points += 1
        self.objects += comparison.objects
        return [f"read of {point.arn} of {point.source} while others worked: {one}" for one in comparison.wrong]


class Caretaker:
    """Collects, compacts, verifies and rotates keys, one thing at a time, as an administrator would."""

    def __init__(self, api: Api, dice: random.Random) -> None:
        self.cared = 0
        self._carer = Carer(_Remote(api), VAULTS, dice)  # type: ignore[arg-type]  # it asks for nothing but the client

    def work(self, stopping: Stopping) -> list[str]:
        """Until it is told to stop, or finds what must not be."""
        while not stopping():
            found = self._carer.care()
            if found:
                return found
            self.cared += 1
            time.sleep(_REST_SECONDS)
        return []


def hand(door: Door, journal: LedgerJournal, patience: Patience, dice: random.Random, number: int) -> PatientHand:
    """A hand of the client of that number."""
    api = door.api(patience, attempts_max=1, answer_seconds_max=dice.choice(_SHORT_OF_PATIENCE))
    return PatientHand(api, journal, patience, random.Random(dice.random()), number * _NUMBERS_EACH)
