"""Bits of packs are flipped, and everything is read.

What a flip may do is known before it is made: every chunk whose frame it touches must fail its check wherever it is
read, and nothing else may change: no other chunk, no list, and nothing at all where the byte belongs to the pack's own
header, to a manifest or to a record, which readers do not need. Then the same data is sent once more, and every old
reference must be whole again, while the flip is still there.
"""

from dataclasses import dataclass
from pathlib import Path
from random import Random

from holdfast.packfile.layout import FRAME_HEADER_BYTES, PACK_HEADER_BYTES, Kind
from holdfast.packfile.read import FoundFrame
from torture.content import Content, Piece
from torture.inside import HandClock, Inside
from torture.little_store import LittleStore
from torture.looking import Asked, Found, Look, is_damage
from torture.tampering import (
    FRAME_REGIONS,
    GoesOn,
    Tally,
    flip,
    flipped,
    frames_of,
    fresh_copy,
    pack_files,
    place_of,
    regions,
)

_LAYERS = (
    ("magic number is missing", "by the magic number"),
    ("checksum does not match", "by the checksum of the header"),
    ("authentication", "by the tag"),
)


@dataclass(frozen=True, slots=True)
class _Bit:
    pack: Path
    offset: int
    mask: int


def flip_bytes(image: Path, store: LittleStore, folder: Path, random: Random, goes_on: GoesOn, tally: Tally) -> None:
    """Bits of every byte of every pack, in random order: all eight of headers, one of other bytes."""
    place = fresh_copy(image, folder / "flipped")
    inside = Inside(place, HandClock())
    try:
        packs = {pack: frames_of(pack) for pack in pack_files(place)}
        pieces = {pack: _pieces_by_frame(inside, store, pack) for pack in packs}
        looks, names = store.looks(inside), inside.vault_names()
        listed = Found()
        for look in looks:
            look.enter(listed)
        tally.blame("before any flip", [*listed.wrong, *map(repr, listed.errors)])
        bits = [bit for pack, found in packs.items() for bit in _bits(pack, found, random)]
        random.shuffle(bits)
        tally.counts["bits of packs to flip"] += len(bits)
        for number, bit in enumerate(bits):
            if not goes_on(number):
                break
            region, frame = place_of(packs[bit.pack], bit.offset)
            hit = pieces[bit.pack].get(frame.frame_id) if frame else None
            with flipped(bit.pack, bit.offset, bit.mask):
                found = _read(looks)
            touched = _touched(looks, store, names[bit.pack.parent.name], hit)
            _judge(f"{region} at {bit.offset} of a pack, bits {bit.mask:#04x}", found, touched, tally)
        again = store.look(inside)
        tally.blame("after all flips were undone", [*again.wrong, *map(repr, again.errors)])
    finally:
        inside.close()


def flip_and_heal(image: Path, store: LittleStore, folder: Path, random: Random, goes_on: GoesOn, tally: Tally) -> None:
    """A byte of each region of each chunk's frame: read, sent once more, and all is whole, now and after a restart."""
    targets = [
        (pack.relative_to(image), frame, region)
        for pack in pack_files(image)
        for frame in frames_of(pack)
        for region in FRAME_REGIONS
        if frame.header.kind == Kind.CHUNK
    ]
    random.shuffle(targets)
    for number, (pack, frame, region) in enumerate(targets):
        if not goes_on(number):
            break
        place = fresh_copy(image, folder / "healed")
        inside = Inside(place, HandClock())
        try:
            hit = _pieces_by_frame(inside, store, place / pack).get(frame.header.frame_id)
            start, end = regions(frame)[region]
            flip(place / pack, random.randrange(start, end), 1 << random.randrange(8))
            what = f"{region} of the frame at {frame.offset}"
            vault = inside.vault_names()[pack.parent.name]
            _judge(what, store.look(inside), _touched(store.looks(inside), store, vault, hit), tally)
            if hit is None:
                continue
            _send_again(inside, vault, hit, random)
            healed = _is_whole(inside, store, f"{what}, sent again", tally)
            inside.close()
            inside = Inside(place, HandClock())
            healed = _is_whole(inside, store, f"{what}, sent again, after a restart", tally) and healed
            tally.counts["flips healed by sending the data once more"] += healed
        finally:
            inside.close()


def _bits(pack: Path, found: list[FoundFrame], random: Random) -> list[_Bit]:
    headers = set(range(PACK_HEADER_BYTES))
    for frame in found:
        headers |= set(range(frame.offset, frame.offset + FRAME_HEADER_BYTES))
    return [
        _Bit(pack, offset, 1 << bit)
        for offset in range(pack.stat().st_size)
        for bit in (range(8) if offset in headers else [random.randrange(8)])
    ]


def _pieces_by_frame(inside: Inside, store: LittleStore, pack: Path) -> dict[bytes, Piece]:
    """The chunks that some view of the pack's vault shows, by the id of their frame."""
    vault_uid = pack.parent.name
    keys = inside.system.keys.open(bytes.fromhex(vault_uid))
    return {keys.chunk_id(piece.digest()): piece for piece in store.pieces(inside.vault_names()[vault_uid])}


def _touched(looks: list[Look], store: LittleStore, vault: str, hit: Piece | None) -> set[Asked]:
    """What cannot be answered while that chunk of the vault is damaged."""
    if hit is None:
        return set()
    return set().union(*(look.touched_by(hit) for look in looks if store.vault_of[look.job] == vault))


def _read(looks: list[Look]) -> Found:
    found = Found()
    for look in looks:
        look.read(found)
    return found


def _judge(what: str, found: Found, touched: set[Asked], tally: Tally) -> None:
    tally.counts["flips of packs"] += 1
    tally.blame(what, found.wrong)
    tally.blame(what, [f"{asked} is {error!r}" for asked, error in found.errors.items() if not is_damage(error)])
    if found.errors.keys() != touched:
        tally.wrong.append(f"{what}: {sorted(found.errors)} failed, {sorted(touched)} should")
    if not touched:
        tally.counts["harmless flips of packs"] += 1
        return
    text = str(next(iter(found.errors.values()), ""))
    layer = next((layer for words, layer in _LAYERS if words in text), "otherwise")
    tally.counts[f"flips of packs found {layer}"] += 1


def _send_again(inside: Inside, vault: str, piece: Piece, random: Random) -> None:
    """The chunk in a new object of a source of its own, by one of the three ways; as a blob too."""
    job, _ = inside.start("again", vault)
    content = Content((), None, piece) if random.random() < 0.2 else Content(((0, piece),))
    inside.put(job, "again", content, random.randrange(3))


def _is_whole(inside: Inside, store: LittleStore, what: str, tally: Tally) -> bool:
    found = store.look(inside)
    trouble = [*found.wrong, *(f"{asked} is {error!r}" for asked, error in found.errors.items())]
    tally.blame(what, trouble)
    return not trouble
