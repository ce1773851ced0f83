"""Moves chunks out of a pack: which frames are worth copying, and the rows that follow the copies.

What is always true here: a row moves only if it still stands where the copy was read, so that a chunk that was healed,
moved or deleted in the meantime is left alone and the copy is dead space.
"""

from collections.abc import Sequence

import msgspec

from holdfast.catalog import packs, sql
from holdfast.catalog.transaction import Tx
from holdfast.model.errors import Transient

_SQL = sql.load("chunk_index")


class FrameRow(msgspec.Struct, frozen=True, gc=False):
    """A frame in a pack that holds a chunk; lengths in bytes."""

    chunk_no: int
    chunk_id: bytes
    raw_bytes: int
    frame_offset: int
    frame_bytes: int


class Moved(msgspec.Struct, frozen=True, gc=False):
    """Where the copy of a frame stands."""

    frame: FrameRow
    pack: bytes
    frame_offset: int
    frame_bytes: int


def sound_frames(tx: Tx, pack_no: int, limit: int) -> list[FrameRow]:
    """Up to `limit` frames of the pack that are not known to be damaged, in the order in which they stand."""
    return [FrameRow(*row) for row in tx.all(_SQL["sound_frames"], {"pack_no": pack_no, "limit": limit})]


def move(tx: Tx, pack_no: int, copies: Sequence[Moved]) -> int:
    """Lets the chunks stand where their copies are; the bytes in the old pack that are dead by it."""
    pack_nos = {pack: _pack_no(tx, pack) for pack in {copy.pack for copy in copies}}
    freed = 0
    for copy in copies:
        params = {
            "chunk_no": copy.frame.chunk_no,
            "pack_no": pack_no,
            "frame_offset": copy.frame.frame_offset,
            "new_pack_no": pack_nos[copy.pack],
            "new_offset": copy.frame_offset,
            "new_bytes": copy.frame_bytes,
        }
        if tx.run(_SQL["move"], params):
            freed += copy.frame.frame_bytes
    if freed:
        packs.bury(tx, pack_no, freed)
    return freed


def mark_bad(tx: Tx, pack_no: int, frames: Sequence[FrameRow]) -> None:
    """Declares these frames bad, where they still stand: the next upload of their chunks writes them anew."""
    for frame in frames:
        place = {"chunk_no": frame.chunk_no, "pack_no": pack_no, "frame_offset": frame.frame_offset}
        tx.run(_SQL["mark_bad"], place)


def _pack_no(tx: Tx, uid: bytes) -> int:
    row = tx.one(_SQL["find_pack"], {"uid": uid})
    if row is None:
        raise Transient(f"the pack {uid.hex()} takes no more frames: they are to be copied again, into another one")
    return int(row[0])
