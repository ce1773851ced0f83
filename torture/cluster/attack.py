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
from torture.cluster.patience import Patience
from torture.cluster.rig import Rig
from torture.cluster.torment import Tormentor
from torture.cluster.troubles import Stage, plan
from torture.crew import VAULTS
from torture.journal import LedgerJournal
from torture.ledger import Ledger
from torture.section import Figures, Report

MEMORY_MIB_MAX = 400
PATIENCE_SECONDS = 240.0
"""How long a client asks for one thing, over and over, before it is a finding that it does not get it."""
_PEACE_SECONDS = 5.0
_READY_SECONDS_MAX = 60.0
_NUMBER_OF_THE_FIRST = 99


@dataclass(frozen=True, slots=True)
class Attack:
    """What is attacked, by how many, for how long."""

    name: str
    put_up: Callable[[Path], AbstractContextManager[Rig]]
    nodes: int
    size: Size
    lease_seconds: float


def run(attack: Attack, seconds: float, seed: int, folder: Path, report: Report) -> Figures:
    """Clients and troubles for `seconds`, then every look there is."""
    folder.mkdir(parents=True, exist_ok=True)
    dice = random.Random(seed)
    counts: Counter[str] = Counter()
    losses: list[str] = []
    with attack.put_up(folder) as rig:
        report(f"{attack.name}: {len(rig.nodes)} nodes at {rig.url}, {attack.size.clients()} clients")
        journal = LedgerJournal(Ledger(), folder / "journal")
        patience = Patience(PATIENCE_SECONDS)
        tormentor = Tormentor(rig, report)
        try:
            losses = _live(attack, rig, seconds, journal, patience, tormentor, dice, folder, counts, report)
        finally:
            journal.close()
            for node in rig.nodes:
                node.stop()
        counts["acknowledgements"] = journal.ledger.acknowledged
        counts.update(tormentor.counts)
        counts["troubles that clients met and got over"] = patience.troubles.total()
        counts["seconds that anything took to get through, at most"] = round(patience.longest_seconds)
        report(f"troubles that clients met: {dict(patience.troubles)}")
        losses += _judge_nodes(rig, counts, report)
    told = tuple(f"seed {seed}: {one}" for one in losses)
    return Figures(attack.name, {what: count for what, count in counts.items() if count}, told, seconds)


def _live(
    attack: Attack,
    rig: Rig,
    seconds: float,
    journal: LedgerJournal,
    patience: Patience,
    tormentor: Tormentor,
    dice: random.Random,
    folder: Path,
    counts: Counter[str],
    report: Report,
) -> list[str]:
    stage = Stage(len(rig.nodes), rig.backing is not None, attack.lease_seconds)
    troubles = plan(random.Random(dice.random()), seconds - _PEACE_SECONDS, stage)
    first = hand(rig.door(), journal, patience, dice, _NUMBER_OF_THE_FIRST)
    for vault in VAULTS:
        if vault != "default":
            first.make_vault(vault)
    crowd = Crowd(rig, attack.size, journal, patience, dice, folder)
    crowd.start()
    try:
        tormentor.carry_out(troubles, seconds, crowd.is_over)
        tormentor.watch_until_ready(_READY_SECONDS_MAX)
    finally:
        crowd.stop()
    counts["clients that finished"] = crowd.finished
    counts.update(crowd.counts())
    report(f"{crowd.finished} clients finished; {journal.ledger.acknowledged} requests of writers were acknowledged")
    if crowd.findings:
        return crowd.findings
    aftermath = Aftermath(rig, crowd, journal, patience, dice, report)
    aftermath.look()
    counts.update(aftermath.counts)
    return aftermath.wrong


def _judge_nodes(rig: Rig, counts: Counter[str], report: Report) -> list[str]:
    found: list[str] = []
    warnings: Counter[str] = Counter()
    for node in rig.nodes:
        counts["lives of nodes"] += node.lives
        mib = node.memory_kib_max >> 10
        counts["MiB of memory that a node had at most"] = max(counts["MiB of memory that a node had at most"], mib)
        if mib >= MEMORY_MIB_MAX:
            found.append(f"{node.name} had {mib} MiB of memory, {MEMORY_MIB_MAX} are allowed")
        found += logs.findings(node.log, warnings)
    report(f"warnings that nodes logged: {dict(warnings)}")
    return found
