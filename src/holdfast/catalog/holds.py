"""Reasons not to remove anything: somebody must look first.

While a hold stands, nothing is collected and no pack is compacted: what looks like garbage may be all that is left of
something. Only an administrator releases holds. Every transaction that removes something asks `require_none`.
"""

from dataclasses import dataclass

from holdfast.catalog import sql
from holdfast.catalog.transaction import Tx
from holdfast.model.errors import InvalidState

_SQL = sql.load("holds")


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nothing is removed, in words for an administrator; since when, in microseconds."""

    reason: str
    since_us: int


def place(tx: Tx, reason: str, now_us: int) -> None:
    """Nothing is removed from here on; the same reason twice is one hold."""
    tx.run(_SQL["place"], {"reason": reason, "now_us": now_us})


def standing(tx: Tx) -> list[Hold]:
    """All holds, the oldest first."""
    return [Hold(*row) for row in tx.all(_SQL["all"])]


def release(tx: Tx) -> int:
    """Removes all holds; how many there were."""
    return tx.run(_SQL["release"])


def require_none(tx: Tx) -> None:
    """Raises InvalidState while a hold stands."""
    holds = standing(tx)
    if holds:
        raise InvalidState(
            f"nothing is removed from this store: {holds[0].reason}; look into that, then `holdfast gc --release-hold`"
        )
