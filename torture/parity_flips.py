"""A bit flips in a pack that has parity, and one in the parity itself.

With sound parity one flip is repaired on the spot: after a verification everything can be read, without anybody sending
anything, and a second verification finds nothing to do. Where the parity is damaged too it may fail to help; it may
never make a wrong byte.
"""

import shutil
from pathlib import Path
from random import Random

from torture.inside import HandClock, Inside
from torture.little_store import LittleStore
from torture.looking import is_damage
from torture.tampering import GoesOn, Tally, flip, fresh_copy, pack_files

_PERCENT = 50


def give_parity(image: Path, place: Path) -> Path:
    """`place`, made as a copy of the store with parity for every pack."""
    shutil.copytree(image, place)
    inside = Inside(place, HandClock())
    try:
        assert inside.verify(AddParity=_PERCENT).parity_added == len(pack_files(place))
    finally:
        inside.close()
    return place


def flip_with_parity(
    image: Path, store: LittleStore, folder: Path, random: Random, goes_on: GoesOn, tally: Tally
) -> None:
    """A byte of a pack of the store `image`, which has parity; every second time one of its parity blob, too."""
    packs = [pack.relative_to(image) for pack in pack_files(image)]
    rounds = 0
    while goes_on(rounds):
        place = fresh_copy(image, folder / "with parity")
        pack = random.choice(packs)
        offset = _flip_somewhere(place / pack, random)
        what = f"byte {offset} of a pack with parity"
        if rounds % 2:
            parity = Path("blobs", "parity", *pack.parts[2:])
            what += f", byte {_flip_somewhere(place / parity, random)} of its parity"
        _verify(place, store, what, tally, both=bool(rounds % 2))
        rounds += 1


def _flip_somewhere(file: Path, random: Random) -> int:
    offset = random.randrange(file.stat().st_size)
    flip(file, offset, 1 << random.randrange(8))
    return offset


def _verify(place: Path, store: LittleStore, what: str, tally: Tally, *, both: bool) -> None:
    inside = Inside(place, HandClock())
    try:
        verified = inside.verify()
        found = store.look(inside)
        tally.blame(what, found.wrong)
        tally.blame(what, [f"{asked} is {error!r}" for asked, error in found.errors.items() if not is_damage(error)])
        again = inside.verify()
        if again.repaired or again.resealed:
            tally.wrong.append(f"{what}: a second verification had something to do")
    finally:
        inside.close()
    whole = not found.errors and not verified.records
    if not (whole or both):
        tally.wrong.append(f"{what}: {[*found.errors, *verified.records]} was not repaired")
    tally.counts["flips of packs with parity, and of the parity" if both else "flips of packs with parity"] += 1
    tally.counts[
        "of them repaired, or where nobody needed it" if whole else "of them that the parity could not help"
    ] += 1
