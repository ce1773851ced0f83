"""Bits flip: in packs, in keys, in the catalog and its log. Found, or harmless; never a wrong answer.

Each part has a share of the seconds and passes on what it does not need; a part that comes to its end has tried every
byte that it speaks of. What is flipped and how it is found is told in docs/design/integrity.md.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from torture import little_store
from torture.catalog_flips import CLOSED, KILLED, flip_catalog
from torture.inside import HandClock, Inside
from torture.key_flips import PASSPHRASE, flip_keys, key_files, put_under_passphrase
from torture.little_store import LittleStore
from torture.pack_flips import flip_and_heal, flip_bytes
from torture.parity_flips import flip_with_parity, give_parity
from torture.rebuild_flips import flip_and_rebuild
from torture.section import Budget, Figures, Report
from torture.tampering import GoesOn, Tally, swift_place

NAME = "bit flips"
_LOSSES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Images:
    """Directories that every part copies from: one little store, stopped, and the same as a kill left it."""

    stopped: Path
    killed: Path
    store: LittleStore


Part = Callable[[Images, Path, Random, GoesOn, Tally], None]


def _packs(images: Images, folder: Path, random: Random, goes_on: GoesOn, tally: Tally) -> None:
    flip_bytes(images.stopped, images.store, folder, random, goes_on, tally)


def _healing(images: Images, folder: Path, random: Random, goes_on: GoesOn, tally: Tally) -> None:
    flip_and_heal(images.stopped, images.store, folder, random, goes_on, tally)


def _keys(images: Images, folder: Path, random: Random, goes_on: GoesOn, tally: Tally) -> None:
    flip_keys(images.stopped, key_files(images.stopped), images.store, folder, random, goes_on, tally)


def _protected(images: Images, folder: Path, random: Random, goes_on: GoesOn, tally: Tally) -> None:
    protected = put_under_passphrase(images.stopped, folder / "protected image")
    flip_keys(protected, key_files(protected)[:1], images.store, folder, random, goes_on, tally, PASSPHRASE)


def _closed(images: Images, folder: Path, random: Random, goes_on: GoesOn, tally: Tally) -> None:
    flip_catalog(images.stopped, CLOSED, images.store, folder, random, goes_on, tally)


def _killed(images: Images, folder: Path, random: Random, goes_on: GoesOn, tally: Tally) -> None:
    flip_catalog(images.killed, KILLED, images.store, folder, random, goes_on, tally)


def _parity(images: Images, folder: Path, random: Random, goes_on: GoesOn, tally: Tally) -> None:
    with_parity = give_parity(images.stopped, folder / "parity image")
    flip_with_parity(with_parity, images.store, folder, random, goes_on, tally)


def _rebuilding(images: Images, folder: Path, random: Random, goes_on: GoesOn, tally: Tally) -> None:
    flip_and_rebuild(images.stopped, images.store, folder, random, goes_on, tally)


PARTS: dict[str, tuple[Part, float]] = {
    "packs": (_packs, 0.25),
    "packs, and the same data sent again": (_healing, 0.1),
    "packs, and a rebuild": (_rebuilding, 0.15),
    "packs that have parity": (_parity, 0.05),
    "keys": (_keys, 0.08),
    "a root key under a pass phrase": (_protected, 0.02),
    "the catalog of a stopped service": (_closed, 0.15),
    "catalog and log of a killed service": (_killed, 0.2),
}
"""Each part with its share of the seconds."""


def make_images(folder: Path) -> Images:
    """The store, made in `folder`."""
    inside = Inside(folder / "stopped", HandClock())
    try:
        store = little_store.make(inside)
        # A copy between two calls is what a kill leaves: every file as the kernel has it, the log not yet folded in.
        shutil.copytree(folder / "stopped", folder / "killed")
    finally:
        inside.close()
    return Images(folder / "stopped", folder / "killed", store)


def run(budget: Budget, report: Report) -> Figures:
    """All parts, each until its share is used up or every bit was tried; `rounds_min` is meant for each part."""
    began = time.monotonic()
    images = make_images(budget.folder)
    tally = Tally()
    open_shares = sum(share for _, share in PARTS.values())
    with swift_place() as place:
        for number, (words, (part, share)) in enumerate(PARTS.items()):
            until = time.monotonic() + budget.left() * share / open_shares
            open_shares -= share
            part(images, place, Random(budget.seed + number), partial(_goes_on, until, budget.rounds_min), tally)
            report(f"{NAME}, {words}: {_progress(tally)}")
    losses = [f"seed {budget.seed}, {one} (store: {images.stopped})" for one in tally.wrong[:_LOSSES_SHOWN]]
    if len(tally.wrong) > _LOSSES_SHOWN:
        losses.append(f"and {len(tally.wrong) - _LOSSES_SHOWN} more")
    return Figures(NAME, dict(tally.counts), tuple(losses), time.monotonic() - began)


def _goes_on(until: float, rounds_min: int, rounds: int) -> bool:
    return rounds < rounds_min or time.monotonic() < until


def _progress(tally: Tally) -> str:
    tried = sum(
        count for words, count in tally.counts.items() if words.startswith("flips of") and words.count(" ") == 2
    )
    return f"{tried} flips so far, {len(tally.wrong)} wrong"
