"""What everybody who takes part in one attack has in common."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from torture.cluster.clients import Door
from torture.cluster.patience import Patience
from torture.cluster.rig import Rig
from torture.journal import LedgerJournal
from torture.ledger import Ledger
from torture.section import Report

PATIENCE_SECONDS = 240.0
"""How long a client asks for one thing, over and over, before it is a finding that it does not get it."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A service, the way in, and the books that are kept of what it said."""

    rig: Rig
    door: Door
    journal: LedgerJournal
    dice: random.Random
    folder: Path
    report: Report
    patience: Patience = field(default_factory=lambda: Patience(PATIENCE_SECONDS))
    counts: Counter[str] = field(default_factory=Counter)
    """What was done and checked, in words of the report."""


@contextmanager
def scene(rig: Rig, seed: int, folder: Path, report: Report) -> Iterator[Scene]:
    """One that is closed at the end; the journal stays in `folder`."""
    with closing(rig.door()) as door, closing(LedgerJournal(Ledger(), folder / "journal")) as journal:
        yield Scene(rig, door, journal, random.Random(seed), folder, report)
