"""Sixteen clients at once, and one who cares for the store; each works until it is told to stop, and then finishes.

The first thing that must not be ends the work of all.
"""

import itertools
import random
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torture.cluster.agents import AgentClient
from torture.cluster.clients import Caretaker, Companion, Reader, Stopping, Writer, hand
from torture.cluster.scene import Scene
from torture.crew import VAULTS

_END_SECONDS_MAX = 400.0


@dataclass(frozen=True, slots=True)
class Size:
    """How many clients of each kind; each writer and each agent has a source of its own."""

    writers: int = 6
    companions: int = 4
    readers: int = 3
    agents: int = 3

    def clients(self) -> int:
        """All of them."""
        return self.writers + self.companions + self.readers + self.agents


class Client(Protocol):
    """Whoever works until told to stop; it answers with what must not be."""

    def work(self, stopping: Stopping) -> list[str]: ...


class Crowd:
    """Makes the clients of a service that runs; their threads begin with `start`."""

    def __init__(self, scene: Scene, size: Size) -> None:
        self.findings: list[str] = []
        self.finished = 0
        """Clients that came to their end without a finding."""
        self._stop = threading.Event()
        self._lock = threading.Lock()
        door, journal, patience, dice = scene.door, scene.journal, scene.patience, scene.dice
        hands = [hand(door, journal, patience, dice, number) for number in range(size.writers + size.companions)]
        sources = [f"{VAULTS[number % len(VAULTS)]}/source-{number}" for number in range(size.writers)]
        own = (random.Random(dice.random()) for _ in itertools.count())
        self._writers = [
            Writer(hands.pop(), journal, source, chance) for source, chance in zip(sources, own, strict=False)
        ]
        self._companions = [
            Companion(hands.pop(), journal, sources[number % size.writers], next(own))
            for number in range(size.companions)
        ]
        self._readers = [Reader(door.api(patience), journal, next(own)) for _ in range(size.readers)]
        self.agents = [
            AgentClient(scene.folder / name, name, scene.rig.settings(), door.api(patience), patience, next(own))
            for name in (f"agent-{number}" for number in range(size.agents))
        ]
        self._caretaker = Caretaker(door.api(patience), next(own))
        clients: list[Client] = [*self._writers, *self._companions, *self._readers, *self.agents]
        self._threads = [
            threading.Thread(
                target=self._work, args=(client.work,), daemon=True, name=f"{type(client).__name__} {number}"
            )
            for number, client in enumerate([*clients, self._caretaker])
        ]

    def start(self) -> None:
        """All begin."""
        for thread in self._threads:
            thread.start()

    def is_over(self) -> bool:
        """Whether somebody found what must not be, or `stop` was called."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Everybody comes to an end; who does not is a finding."""
        self._stop.set()
        for thread in self._threads:
            thread.join(_END_SECONDS_MAX)
            if thread.is_alive():
                self._tell([f"the client {thread.name} does not come to its end"])

    def counts(self) -> Counter[str]:
        """What was done."""
        hands = [client.hand for client in self._writers] + [client.hand for client in self._companions]
        return Counter(
            {
                "backups by the agent": sum(agent.backups for agent in self.agents),
                "restores by the agent, compared": sum(agent.restores for agent in self.agents),
                "agents killed with -9": sum(agent.kills for agent in self.agents),
                "recovery points read while others worked": sum(reader.points for reader in self._readers),
                "commits sent twice at once": sum(hand.commits_twice for hand in hands),
                "calls of gc, verify and key rotation": self._caretaker.cared,
            }
        )

    def _work(self, work: Callable[[Stopping], list[str]]) -> None:
        try:
            found = work(self._stop.is_set)
        except BaseException:  # noqa: BLE001 - whatever it is, it is what this is all for
            found = [traceback.format_exc()]
        if not found:
            with self._lock:
                self.finished += 1
        self._tell(found)

    def _tell(self, found: list[str]) -> None:
        if found:
            with self._lock:
                self.findings += [f"{threading.current_thread().name}: {one}" for one in found]
            self._stop.set()
