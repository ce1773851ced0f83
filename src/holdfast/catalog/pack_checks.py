"""Rows of packs as whoever checks them sees them: which is due, when each was last read, which have parity."""

from dataclasses import dataclass

from holdfast.catalog import sql
from holdfast.catalog.transaction import Params, Tx

_SQL = sql.load("pack_checks")


@dataclass(frozen=True, slots=True)
class PackToCheck:
    """A pack; `size` in bytes, None while somebody may still append to it; `verified_us` is 0 for never."""

    pack_no: int
    uid: bytes
    vault: bytes
    """Vault uid, 16 bytes."""
    size: int | None
    verified_us: int
    parity_percent: int


def undated(tx: Tx, now_us: int, limit: int) -> list[PackToCheck]:
    """Up to `limit` measured packs that were never checked, or bear a date beyond `now_us`: a clock was wrong."""
    found = _packs(tx, "dated_ahead", {"now_us": now_us, "limit": limit})
    return found + _packs(tx, "undated", {"limit": limit - len(found)})


def dated(tx: Tx, now_us: int, limit: int) -> list[PackToCheck]:
    """Up to `limit` measured packs that were checked, the one whose check is longest ago first."""
    return _packs(tx, "dated", {"now_us": now_us, "limit": limit})


def without_parity(tx: Tx, after: int, limit: int) -> list[PackToCheck]:
    """Up to `limit` measured packs without parity, with numbers beyond `after`, ascending."""
    return _packs(tx, "without_parity", {"after": after, "limit": limit})


def following(tx: Tx, lowest: int, highest: int) -> PackToCheck | None:
    """The first pack with a number from `lowest` to `highest`, measured or not."""
    found = _packs(tx, "following", {"lowest": lowest, "highest": highest})
    return found[0] if found else None


def find(tx: Tx, uid: bytes) -> PackToCheck | None:
    """The pack of that uid, or None."""
    found = _packs(tx, "find", {"uid": uid})
    return found[0] if found else None


def unmeasured(tx: Tx, limit: int) -> list[PackToCheck]:
    """Up to `limit` packs that somebody may still append to, or that nobody has measured yet."""
    return _packs(tx, "unmeasured", {"limit": limit})


def last_no(tx: Tx) -> int:
    """The greatest number of a pack."""
    row = tx.one(_SQL["last_no"])
    assert row is not None
    return int(row[0])


def count(tx: Tx) -> int:
    """How many packs there are. Not for every few seconds."""
    row = tx.one(_SQL["count"])
    assert row is not None
    return int(row[0])


def count_due(tx: Tx, before_us: int) -> int:
    """Measured packs that were last checked at `before_us` or earlier, or never."""
    row = tx.one(_SQL["count_due"], {"before_us": before_us})
    assert row is not None
    return int(row[0])


def oldest_date(tx: Tx) -> int | None:
    """When the pack whose check is longest ago was checked; None if none ever was."""
    row = tx.one(_SQL["oldest_date"])
    return None if row is None or row[0] is None else int(row[0])


def set_verified(tx: Tx, pack: PackToCheck, verified_us: int) -> None:
    """Every frame of the pack has been checked, beginning at `verified_us`."""
    tx.run(_SQL["set_verified"], {"pack_no": pack.pack_no, "uid": pack.uid, "verified_us": verified_us})


def set_parity(tx: Tx, pack: PackToCheck, percent: int) -> bool:
    """The pack's parity blob is durable (0: is gone); False if the pack itself is gone."""
    return tx.run(_SQL["set_parity"], {"pack_no": pack.pack_no, "uid": pack.uid, "percent": percent}) == 1


def _packs(tx: Tx, statement: str, params: Params) -> list[PackToCheck]:
    return [PackToCheck(*row) for row in tx.all(_SQL[statement], params)]
