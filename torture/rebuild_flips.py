"""A bit of a pack is flipped, the catalog is gone, and a new one is made from what the packs still say.

Every point that is listed afterwards must be what it was, to the last member of its listing, and its bytes must be
right or an error; a point or a vault that is missing or changed, and a deleted one that came back because the record of
its deletion is damaged, must be told of, and while it is nothing may be collected.
"""

from pathlib import Path
from random import Random
from typing import Any

from holdfast.app.config import StoreOptions
from holdfast.app.rebuild import rebuild
from holdfast.packfile.layout import Kind
from holdfast.records.report import RebuildReport
from torture.inside import HandClock, Inside
from torture.little_store import LittleStore, everything_listed
from torture.looking import Found, Look, is_damage
from torture.tampering import GoesOn, Tally, flip, frames_of, fresh_copy, pack_files, place_of

_RESERVE_BYTES = 4096


def flip_and_rebuild(
    image: Path, store: LittleStore, folder: Path, random: Random, goes_on: GoesOn, tally: Tally
) -> None:
    """Every byte of every pack, those of manifests and records first; within these, in random order."""
    packs = {pack.relative_to(image): frames_of(pack) for pack in pack_files(image)}
    bytes_of = [(pack, offset) for pack in packs for offset in range((image / pack).stat().st_size)]
    random.shuffle(bytes_of)
    where = {place: place_of(packs[place[0]], place[1]) for place in bytes_of}

    def matters_less(place: tuple[Path, int]) -> bool:
        header = where[place][1]
        return header is None or header.kind == Kind.CHUNK

    tally.counts["bytes of packs to flip before a rebuild"] += len(bytes_of)
    for number, (pack, offset) in enumerate(sorted(bytes_of, key=matters_less)):
        if not goes_on(number):
            break
        place = fresh_copy(image, folder / "rebuilt")
        (place / "catalog").unlink()
        mask = 1 << random.randrange(8)
        flip(place / pack, offset, mask)
        region, header = where[pack, offset]
        kind = Kind(header.kind).name.lower() if header else "pack"
        _judge(place, store, f"{region} of a {kind} at {offset}, bits {mask:#04x}", tally)


def _judge(place: Path, store: LittleStore, what: str, tally: Tally) -> None:
    clock = HandClock()
    report = rebuild(StoreOptions(place, reserve_bytes=_RESERVE_BYTES), clock=clock)
    inside = Inside(place, clock)
    try:
        listed = everything_listed(inside)
        changed = _changed(listed, store)
        tally.blame(what, _views(inside, listed, store))
        if changed and not (report.lost or report.holds):
            tally.wrong.append(f"{what}: {changed} are not what they were, and nobody is told")
        if changed and not inside.call("CollectGarbage", Seconds=1).get("Hold"):
            tally.wrong.append(f"{what}: {changed} are not what they were, and collection goes on")
    finally:
        inside.close()
    tally.counts["flips of packs before a rebuild"] += 1
    tally.counts[f"rebuilds that {_outcome(report, changed)}"] += 1


def _changed(listed: dict[str, dict[str, Any]], store: LittleStore) -> list[str]:
    names = sorted(listed.keys() | store.shown.keys())
    return [name for name in names if listed.get(name) != store.shown.get(name)]


def _views(inside: Inside, listed: dict[str, dict[str, Any]], store: LittleStore) -> list[str]:
    """What is wrong with the contents of the points that are listed."""
    found = Found()
    for arn in listed.keys() & store.point_views.keys():
        look = Look(inside, inside.restore(arn), store.point_views[arn])
        look.enter(found)
        look.read(found)
    return found.wrong + [f"{asked} is {error!r}" for asked, error in found.errors.items() if not is_damage(error)]


def _outcome(report: RebuildReport, changed: list[str]) -> str:
    if changed:
        return "lack something, and say so"
    if report.holds:
        return "have everything, and ask somebody to look"
    return "have everything but a chunk, which they name" if report.missing_chunks else "have everything"
