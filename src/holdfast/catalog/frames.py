"""Rows of chunks as whoever checks them sees them: where each frame stands, and whether it failed its last check.

A mark names the place that was checked. A chunk that was healed or moved in the meantime stands elsewhere, and what was
found at its old place says nothing about it.
"""

from collections.abc import Sequence

import msgspec

from holdfast.catalog import sql
from holdfast.catalog.transaction import Tx

_SQL = sql.load("frames")


class StoredFrame(msgspec.Struct, frozen=True, gc=False):
    """A chunk, manifest part or record: what it must hold and where it stands. Lengths in bytes."""

    chunk_no: int
    vault: bytes
    """Vault uid, 16 bytes."""
    chunk_id: bytes
    raw_bytes: int
    pack: bytes
    pack_no: int
    frame_offset: int
    frame_bytes: int
    bad: int
    parity_percent: int
    """Of its pack; 0 for none."""

    @property
    def place(self) -> tuple[int, int]:
        return self.pack_no, self.frame_offset


def of_pack(tx: Tx, pack_no: int, after: tuple[int, int], limit: int) -> list[StoredFrame]:
    """Up to `limit` frames of the pack beyond `after` (offset, chunk number), in the order in which they stand."""
    offset, chunk_no = after
    rows = tx.all(_SQL["of_pack"], {"pack_no": pack_no, "offset": offset, "chunk_no": chunk_no, "limit": limit})
    return [StoredFrame(*row) for row in rows]


def of_numbers(tx: Tx, chunk_nos: Sequence[int]) -> list[StoredFrame]:
    """The frames of those numbers that there still are. The caller bounds their number."""
    return [StoredFrame(*row) for row in tx.all_of(_SQL["of_numbers"], chunk_nos)]


def mark(tx: Tx, frames: Sequence[StoredFrame], *, bad: bool) -> None:
    """Declares these frames bad (the next upload of each chunk then heals it), or good again."""
    for frame in frames:
        tx.run(
            _SQL["mark"],
            {"chunk_no": frame.chunk_no, "pack_no": frame.pack_no, "frame_offset": frame.frame_offset, "bad": int(bad)},
        )
