"""Bits of key records and of the root key's file are flipped.

A wrong key must never be used: what is read under it would be refused, but what is *written* under it could be read by
nobody once the right key is back. So after each flip everything is read, and new data is sent to every vault; then the
file is put back, and all that was ever acknowledged must be there.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from random import Random

from holdfast.app.config import StoreOptions
from holdfast.app.key_care import protect
from holdfast.app.unlock import PassphraseSource, Unlock
from holdfast.model.errors import HoldfastError, UnusableKey
from torture.content import Content, Piece
from torture.inside import HandClock, Inside
from torture.little_store import LittleStore
from torture.looking import Look, is_our_side
from torture.tampering import GoesOn, Tally, flip, fresh_copy

_NEW = Content(((0, Piece(101, 77)),))


PASSPHRASE = Unlock(PassphraseSource(text="correct horse battery staple"))


def put_under_passphrase(image: Path, place: Path) -> Path:
    """`place`, made as a copy of the store whose root key only PASSPHRASE opens."""
    shutil.copytree(image, place)
    protect(StoreOptions(place), Unlock(), PASSPHRASE.passphrase, None)
    return place


def key_files(image: Path) -> list[Path]:
    """The root key's file and every key record, as paths inside the store."""
    records = [path for path in (image / "blobs" / "keys").rglob("*") if path.is_file()]
    return [path.relative_to(image) for path in [image / "root.key", *sorted(records)]]


def flip_keys(
    image: Path,
    files: Sequence[Path],
    store: LittleStore,
    folder: Path,
    random: Random,
    goes_on: GoesOn,
    tally: Tally,
    unlock: Unlock | None = None,
) -> None:
    """All eight bits of every byte of those files, in random order. `unlock` opens the store."""
    bits = [
        (file, offset, bit) for file in files for offset in range((image / file).stat().st_size) for bit in range(8)
    ]
    random.shuffle(bits)
    tally.counts["bits of keys to flip"] += len(bits)
    place = fresh_copy(image, folder / "keys")
    for number, (file, offset, bit) in enumerate(bits):
        if not goes_on(number):
            break
        what = f"{file.name}, byte {offset}, bit {bit}"
        flip(place / file, offset, 1 << bit)
        damaged = (place / file).read_bytes()
        acknowledged = _use(place, store, unlock, what, tally)
        if (place / file).read_bytes() != damaged:
            tally.wrong.append(f"{what}: the file was written over")
        flip(place / file, offset, 1 << bit)
        if acknowledged:
            _check(place, store, unlock, acknowledged, what, tally)
            place = fresh_copy(image, folder / "keys")


def _use(place: Path, store: LittleStore, unlock: Unlock | None, what: str, tally: Tally) -> dict[str, str]:
    """Reads and writes with the damaged key; the jobs by vault into which data was acknowledged."""
    tally.counts["flips of keys"] += 1
    acknowledged: dict[str, str] = {}
    try:
        inside = Inside(place, HandClock(), unlock)
    except HoldfastError as refused:
        tally.blame(what, [] if _may_be(refused) else [f"opening is refused with {refused!r}"])
        tally.counts["flips of keys found on opening"] += 1
        return acknowledged
    try:
        found = store.look(inside)
        tally.blame(what, found.wrong)
        tally.blame(what, [f"{asked} is {error!r}" for asked, error in found.errors.items() if not _may_be(error)])
        for vault in store.points:
            try:
                job, _ = inside.start("new", vault)
                inside.put(job, "new", _NEW)
                acknowledged[vault] = job
            except HoldfastError as refused:
                tally.blame(what, [] if _may_be(refused) else [f"writing is refused with {refused!r}"])
    finally:
        inside.close()
    harmless = not found.errors and len(acknowledged) == len(store.points)
    tally.counts["harmless flips of keys" if harmless else "flips of keys found on use"] += 1
    return acknowledged


def _check(
    place: Path, store: LittleStore, unlock: Unlock | None, acknowledged: dict[str, str], what: str, tally: Tally
) -> None:
    inside = Inside(place, HandClock(), unlock)
    try:
        found = store.look(inside)
        for job in acknowledged.values():
            look = Look(inside, job, {"new": _NEW})
            look.enter(found)
            look.read(found)
    finally:
        inside.close()
    tally.blame(
        f"{what}, put back", [*found.wrong, *(f"{asked} is {error!r}" for asked, error in found.errors.items())]
    )


def _may_be(error: Exception) -> bool:
    return isinstance(error, UnusableKey) or is_our_side(error)
