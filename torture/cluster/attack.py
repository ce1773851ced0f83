"""One attack from putting the service up to the last look at it."""

import random
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from torture.cluster import logs
from torture.cluster.aftermath import Aftermath
from torture.cluster.clients import hand
from torture.cluster.crowd import Crowd, Size
from torture.cluster.rig import Rig
from torture.cluster.scene import Scene, scene
from torture.cluster.torment import Tormentor
from torture.cluster.troubles import Stage, plan
from torture.crew import VAULTS
from torture.section import Figures, Report

MEMORY_MIB_MAX = 400
_PEACE_SECONDS = 5.0
_READY_SECONDS_MAX = 60.0
_NUMBER_OF_THE_FIRST = 99
_TAKEN_FOR_DEAD = "taken for dead, or overtaken"
"""The event that a node logs then."""


@dataclass(frozen=True, slots=True)
class Attack:
    """What is attacked, by how many, for how long."""

    name: str
    put_up: Callable[[Path], AbstractContextManager[Rig]]
    size: Size
    lease_seconds: float
    """After so long a silence a node has certainly been taken for dead."""


def run(attack: Attack, seconds: float, seed: int, folder: Path, report: Report) -> Figures:
    """Clients and troubles for `seconds`, then every look there is."""
    folder.mkdir(parents=True, exist_ok=True)
    with attack.put_up(folder) as rig:
        report(f"{attack.name}: {len(rig.nodes)} nodes at {rig.url}, {attack.size.clients()} clients")
        with scene(rig, seed, folder, report) as here:
            try:
                losses = _live(attack, here, seconds)
            finally:
                for node in rig.nodes:
                    node.stop()
            losses += _judge_nodes(here)
        here.counts["acknowledgements"] = here.journal.ledger.acknowledged
        here.counts["troubles that clients met and got over"] = here.patience.troubles.total()
        here.counts["seconds that anything took to get through, at most"] = round(here.patience.longest_seconds)
        report(f"troubles that clients met: {dict(here.patience.troubles)}")
    counts = {what: count for what, count in here.counts.items() if count}
    return Figures(attack.name, counts, tuple(f"seed {seed}: {one}" for one in losses), seconds)


def _live(attack: Attack, here: Scene, seconds: float) -> list[str]:
    """Until everything has been looked at; what must not be."""
    rig = here.rig
    stage = Stage(len(rig.nodes), rig.backing is not None, attack.lease_seconds)
    troubles = plan(random.Random(here.dice.random()), seconds - _PEACE_SECONDS, stage)
    first = hand(here.door, here.journal, here.patience, here.dice, _NUMBER_OF_THE_FIRST)
    for vault in VAULTS:
        if vault != "default":
            first.make_vault(vault)
    tormentor = Tormentor(rig, here.report)
    crowd = Crowd(here, attack.size)
    crowd.start()
    try:
        tormentor.carry_out(troubles, seconds, crowd.is_over)
        tormentor.watch_until_ready(_READY_SECONDS_MAX)
    finally:
        crowd.stop()
    here.counts["clients that finished"] = crowd.finished
    here.counts.update(crowd.counts())
    here.counts.update(tormentor.counts)
    here.report(f"{crowd.finished} clients finished; {here.journal.ledger.acknowledged} writes were acknowledged")
    if crowd.findings:
        return crowd.findings
    aftermath = Aftermath(here, crowd)
    aftermath.look()
    return aftermath.wrong


def _judge_nodes(here: Scene) -> list[str]:
    found: list[str] = []
    warnings: Counter[str] = Counter()
    nodes = here.rig.nodes
    for node in nodes:
        mib = node.memory_kib_max >> 10
        if mib >= MEMORY_MIB_MAX:
            found.append(f"{node.name} had {mib} MiB of memory, {MEMORY_MIB_MAX} are allowed")
        found += logs.findings(node.log, warnings)
    here.counts["times a node was taken for dead and went on"] = warnings[_TAKEN_FOR_DEAD]
    here.counts["lives of nodes"] = sum(node.lives for node in nodes)
    here.counts["MiB of memory that a node had at most"] = max(node.memory_kib_max for node in nodes) >> 10
    here.report(f"warnings that nodes logged: {dict(warnings)}")
    return found
