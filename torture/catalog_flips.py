"""Bits of the catalog are flipped, in the file of a closed store and in the log of a killed process.

The catalog says where everything is, so a flip in it could show another version, another object's bytes or a list with
a gap. What must come instead: the store refuses to open and says what to do, or it answers with errors of our side, or
every list and every byte is right. One thing cannot be told from a power cut: a flip within the last transaction of a
log, which may never have been synced, or in one bit of the frame that ended the one before it. The little store's last
two transactions therefore change nothing that is shown.
"""

from pathlib import Path
from random import Random

from holdfast.model.errors import HoldfastError
from torture.inside import HandClock, Inside
from torture.little_store import LittleStore
from torture.looking import is_our_side
from torture.tampering import GoesOn, Tally, flip, fresh_copy

CLOSED = ("catalog",)
KILLED = ("catalog", "catalog-wal", "catalog-shm")


def flip_catalog(
    image: Path, names: tuple[str, ...], store: LittleStore, folder: Path, random: Random, goes_on: GoesOn, tally: Tally
) -> None:
    """One bit of every byte of those files of a store, in random order; all is opened and read each time."""
    ends: list[tuple[int, str]] = []
    total = 0
    for name in names:
        total += (image / name).stat().st_size
        ends.append((total, name))
    tally.counts["bytes of catalogs to flip"] += total
    for number, position in enumerate(random.sample(range(total), total)):
        if not goes_on(number):
            break
        end, name = next(one for one in ends if position < one[0])
        offset = position - end + (image / name).stat().st_size
        mask = 1 << random.randrange(8)
        place = fresh_copy(image, folder / "catalog")
        flip(place / name, offset, mask)
        what = f"{name}, byte {offset}, bits {mask:#04x}"
        tally.counts["flips of catalogs"] += 1
        tally.counts[f"flips of catalogs {_outcome(place, store, what, tally)}"] += 1


def _outcome(place: Path, store: LittleStore, what: str, tally: Tally) -> str:
    try:
        inside = Inside(place, HandClock())
    except HoldfastError:
        return "found on opening"
    except Exception as error:  # noqa: BLE001 - a refusal too, though one without a remedy
        tally.wrong.append(f"{what}: the store refuses to open with {error!r}, which is no error of the house")
        return "found on opening"
    try:
        found = store.look(inside)
    finally:
        _close(inside)
    tally.blame(what, found.wrong)
    claims = [f"{asked} is {error!r}" for asked, error in found.errors.items() if not is_our_side(error)]
    tally.blame(what, claims)
    if found.wrong or claims:
        return "not found"
    return "found on reading" if found.errors else "without effect"


def _close(inside: Inside) -> None:
    try:
        inside.close()
    except HoldfastError:
        return
