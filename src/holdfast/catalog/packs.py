"""Rows of packs: which there are, whose they are, how much of each is dead, and which are on their way out.

What is always true here: a file of frames has a row in `packs` from before it is made until its last live frame is
gone, and then one in `doomed_packs` until the file is gone. A pack is *measured* once nobody appends to it any more;
from then on `dead_bytes` follows every row of chunks that leaves it, in the same transaction, and none comes to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.catalog import sql
from holdfast.catalog.transaction import Tx
from holdfast.model.errors import Internal, Transient

_SQL = sql.load("packs")


@dataclass(frozen=True, slots=True)
class PackRow:
    """A measured pack; sizes in bytes."""

    pack_no: int
    uid: bytes
    vault_no: int
    vault_uid: bytes
    total_bytes: int
    dead_bytes: int
    old_key: int


@dataclass(frozen=True, slots=True)
class UnmeasuredPack:
    """A pack whose length is not known yet, and who began it."""

    pack_no: int
    uid: bytes
    vault_uid: bytes
    writer_no: int
    writer_lives: bool


@dataclass(frozen=True, slots=True)
class DoomedPack:
    """A pack whose file is to go."""

    uid: bytes
    vault_uid: bytes


@dataclass(frozen=True, slots=True)
class Totals:
    """Bytes of a stretch of measured packs; `last_no` is where the next stretch begins, None at the end."""

    total_bytes: int
    dead_bytes: int
    last_no: int | None


def register(tx: Tx, vault_uid: bytes, pack_uid: bytes, writer_no: int) -> None:
    """A pack that this writer is about to begin. Must be durable before its file is made."""
    if tx.run(_SQL["insert"], {"uid": pack_uid, "vault_uid": vault_uid, "writer_no": writer_no}) != 1:
        raise Internal(f"the catalog knows no vault {vault_uid.hex()}, and a frame is to be written for it")


def unmeasured(tx: Tx, after: int, limit: int) -> list[UnmeasuredPack]:
    """Up to `limit` packs without a length and with numbers beyond `after`, ascending."""
    rows = tx.all(_SQL["unmeasured"], {"after": after, "limit": limit})
    return [UnmeasuredPack(row[0], row[1], row[2], row[3], bool(row[4])) for row in rows]


def live_bytes(tx: Tx, pack_no: int) -> int:
    """The length of all frames in the pack that rows of chunks refer to."""
    row = tx.one(_SQL["live_bytes"], {"pack_no": pack_no})
    assert row is not None
    return int(row[0])


def measure(tx: Tx, pack_no: int, total_bytes: int) -> bool:
    """Notes the length of a pack that nobody appends to any more; False if that was done before.

    Whatever no row refers to is dead from here on: tails of a crash, frames that were written twice, or for nothing.
    Every transaction with frames in the pack must have ended.
    """
    params = {"pack_no": pack_no, "bytes": total_bytes, "live_bytes": live_bytes(tx, pack_no)}
    return tx.run(_SQL["measure"], params) == 1


def measure_whole(tx: Tx, pack_uid: bytes, total_bytes: int, key_number: int) -> None:
    """Notes the length of a pack that was written whole, after the frames in it have been recorded.

    `key_number` is the least of the frame keys that they are sealed under.
    Raises Transient if somebody else has measured or removed it: this writer was thought dead.
    """
    if tx.run(_SQL["measure_whole"], {"uid": pack_uid, "bytes": total_bytes, "key_number": key_number}) != 1:
        raise Transient(f"the pack {pack_uid.hex()} was given up by others while it was being written; try again")


def bury(tx: Tx, pack_no: int, frame_bytes: int) -> bool:
    """Frames of that length together are referred to no longer; False if the pack is not measured, and counts later."""
    return tx.run(_SQL["bury"], {"pack_no": pack_no, "frame_bytes": frame_bytes}) == 1


def exhaust(tx: Tx, pack_no: int) -> bool:
    """Takes a measured pack that has no sound frame left out of compaction's sight; False if it has one."""
    return tx.run(_SQL["exhaust"], {"pack_no": pack_no}) == 1


def totals(tx: Tx, after: int, limit: int) -> Totals:
    """Bytes of up to `limit` packs with numbers beyond `after`."""
    row = tx.one(_SQL["totals"], {"after": after, "limit": limit})
    assert row is not None
    count, last_no, total_bytes, dead_bytes = row
    return Totals(total_bytes, dead_bytes, last_no if count == limit else None)


def empty(tx: Tx, limit: int) -> list[PackRow]:
    """Measured packs that no row of chunks refers to."""
    return _chosen(tx, "empty", limit=limit)


def wasteful(tx: Tx, threshold: int, limit: int) -> list[PackRow]:
    """Packs of which `threshold` hundredths (1 to 100) or more are dead, those with the most first."""
    return _chosen(tx, "wasteful", threshold=threshold, limit=limit)


def under_old_key(tx: Tx, limit: int) -> list[PackRow]:
    """Packs that were begun under an earlier frame key of their vault."""
    return _chosen(tx, "under_old_key", limit=limit)


def small(tx: Tx, limit: int) -> list[PackRow]:
    """Packs below 8 MiB, vault by vault."""
    return _chosen(tx, "small", limit=limit)


def doom(tx: Tx, pack_no: int, now_us: int) -> bool:
    """Lets go of a measured pack that no row of chunks refers to; its file is to be removed. False if one does."""
    key = {"pack_no": pack_no}
    if tx.one(_SQL["is_empty"], key) is None:
        return False
    tx.run(_SQL["insert_doomed"], key)
    tx.run(_SQL["insert_late"], {**key, "now_us": now_us})
    tx.run(_SQL["delete"], key)
    return True


def doomed(tx: Tx, limit: int) -> list[DoomedPack]:
    """Packs whose files are to go, or are gone and not forgotten yet."""
    return [DoomedPack(*row) for row in tx.all(_SQL["doomed"], {"limit": limit})]


def forget_doomed(tx: Tx, uids: Sequence[bytes]) -> None:
    """The files of these packs are gone, durably."""
    tx.run_of(_SQL["forget_doomed"], uids)


def late(tx: Tx, before_us: int, beyond_us: int, limit: int) -> list[DoomedPack]:
    """Packs that were given up before `before_us` when nothing of them was there.

    Those that bear a time beyond `beyond_us` too: a clock was wrong then.
    """
    params = {"before_us": before_us, "beyond_us": beyond_us, "limit": limit}
    return [DoomedPack(*row) for row in tx.all(_SQL["late"], params)]


def forget_late(tx: Tx, uids: Sequence[bytes]) -> None:
    """Nobody can be sending these packs any more, and nothing of them is there."""
    tx.run_of(_SQL["forget_late"], uids)


def _chosen(tx: Tx, which: str, **params: int) -> list[PackRow]:
    return [PackRow(*row) for row in tx.all(f"{_SQL['select']} {_SQL[which]}", params)]
