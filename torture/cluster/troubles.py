"""What befalls a service of many nodes, when and for how long: decided beforehand, by dice that fall the same twice.

What is always true of a plan: there is trouble of every kind that the service can meet, in a random order; troubles may
overlap, but at any time one node is neither dead nor paused; and the plan leaves the service in peace before its end.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """Troubles, by what they are called in a report."""

    KILL = "nodes killed with -9"
    SHORT_PAUSE = "nodes paused"
    LONG_PAUSE = "nodes paused beyond their lease"
    DATABASE_CRASH = "crashes of the database"
    BUCKET_CRASH = "crashes of the bucket's server"
    CUT = "cut off"
    LONG_CUT = "cut off beyond the lease"
    HALF_OPEN = "half open"
    FLICKER = "flickering"
    SLOW = "slow"
    DELAY = "delayed"

    @property
    def is_of_links(self) -> bool:
        """Whether it befalls the way from nodes to the database or to the bucket."""
        return self in (Kind.CUT, Kind.LONG_CUT, Kind.HALF_OPEN, Kind.FLICKER, Kind.SLOW, Kind.DELAY)

    @property
    def takes_nodes(self) -> bool:
        """Whether its nodes do nothing meanwhile."""
        return self in (Kind.KILL, Kind.SHORT_PAUSE, Kind.LONG_PAUSE)


DATABASE, BUCKET = "database", "bucket"
_GAP_SECONDS = (0.5, 5.0)
_LINK_SECONDS = (0.5, 6.0)
_SHORT_SECONDS = (0.2, 2.5)
_DOWN_SECONDS = (0.1, 3.0)
_BEYOND_SECONDS = (1.0, 6.0)
_CRASH_SECONDS = (0.1, 3.0)
_ALL_LINKS_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Trouble:
    """One trouble. Seconds are counted from the beginning of the plan."""

    at: float
    kind: Kind
    seconds: float
    nodes: tuple[int, ...] = ()
    """Whom it befalls."""
    target: str = ""
    """Of a link: what it leads to."""

    @property
    def until(self) -> float:
        """When it is over."""
        return self.at + self.seconds

    def __str__(self) -> str:
        whom = f" of node {','.join(map(str, self.nodes))}" if self.nodes else ""
        return f"{self.at:.1f} s: {self.target} {self.kind.value}{whom} for {self.seconds:.1f} s".replace(":  ", ": ")


@dataclass(frozen=True, slots=True)
class Stage:
    """What there is to be troubled."""

    nodes: int
    has_links: bool
    """Whether database and bucket are elsewhere, so that they can be cut off."""
    lease_seconds: float
    """How long a node may be silent before others take it for dead."""


def plan(dice: random.Random, seconds: float, stage: Stage) -> list[Trouble]:
    """Troubles in the order in which they begin; all are over within `seconds`."""
    kinds = list(_kinds(stage))
    bag: list[Kind] = []
    planned: list[Trouble] = []
    at = dice.uniform(*_GAP_SECONDS)
    while at < seconds:
        if not bag:
            # Each kind comes up before any comes up again.
            bag = dice.sample(kinds, len(kinds))
        trouble = _trouble(dice, at, bag.pop(), stage, planned)
        if trouble is not None and trouble.until <= seconds:
            planned.append(trouble)
        at += dice.uniform(*_GAP_SECONDS)
    return planned


def _kinds(stage: Stage) -> Iterator[Kind]:
    yield from (Kind.KILL, Kind.KILL, Kind.SHORT_PAUSE)
    if stage.nodes > 1:
        yield from (Kind.KILL, Kind.LONG_PAUSE)
    if stage.has_links:
        yield from (Kind.CUT, Kind.LONG_CUT, Kind.HALF_OPEN, Kind.FLICKER, Kind.FLICKER, Kind.SLOW, Kind.DELAY)
        yield from (Kind.DATABASE_CRASH, Kind.BUCKET_CRASH)


def _trouble(dice: random.Random, at: float, kind: Kind, stage: Stage, planned: Sequence[Trouble]) -> Trouble | None:
    """One of that kind; None where it cannot be now."""
    under_way = [trouble for trouble in planned if trouble.until > at]
    if kind.is_of_links:
        # Beyond its lease a node alone is cut off, and from the database: for others it is dead, and yet it works.
        target = DATABASE if kind is Kind.LONG_CUT else dice.choice((DATABASE, BUCKET))
        whole = kind is not Kind.LONG_CUT and dice.random() < _ALL_LINKS_SHARE
        nodes = tuple(range(stage.nodes)) if whole else (dice.randrange(stage.nodes),)
        busy = {node for other in under_way if other.target == target for node in other.nodes}
        free = tuple(node for node in nodes if node not in busy)
        beyond = stage.lease_seconds if kind is Kind.LONG_CUT else 0.0
        return Trouble(at, kind, beyond + dice.uniform(*_LINK_SECONDS), free, target) if free else None
    if not kind.takes_nodes:
        if any(other.kind is kind for other in under_way):
            return None
        return Trouble(at, kind, dice.uniform(*_CRASH_SECONDS))
    taken = {node for other in under_way if other.kind.takes_nodes for node in other.nodes}
    free = tuple(node for node in range(stage.nodes) if node not in taken)
    if len(free) < min(2, stage.nodes):
        return None
    seconds = {
        Kind.KILL: dice.uniform(*_DOWN_SECONDS),
        Kind.SHORT_PAUSE: dice.uniform(*_SHORT_SECONDS),
        Kind.LONG_PAUSE: stage.lease_seconds + dice.uniform(*_BEYOND_SECONDS),
    }[kind]
    return Trouble(at, kind, seconds, (dice.choice(free),))
