"""Deletes the rows of chunks that lost a reference and have none left.

What is always true here: whether a chunk may go is decided by the references that exist in the transaction that deletes
it. Whoever reuses a chunk takes the reference in a transaction too, so of the two one comes first: either the chunk
stays, or the other finds it gone and sends its bytes again.
"""

from collections import Counter
from dataclasses import dataclass

from holdfast.catalog import packs, sql
from holdfast.catalog.transaction import Tx

_SQL = sql.load("collect")


@dataclass(frozen=True, slots=True)
class Collected:
    """What one batch came to."""

    looked_at: int
    """Condemned chunks; those that are still referred to stay."""
    chunks: int
    frame_bytes: int
    unmeasured: frozenset[int]
    """Numbers of packs that lost frames and may still be written to: their dead bytes are counted later."""


def pending(tx: Tx) -> bool:
    """Whether a chunk is condemned; reads only."""
    return tx.one(_SQL["next_condemned"], {"limit": 1}) is not None


def collect(tx: Tx, limit: int) -> Collected:
    """Looks at up to `limit` condemned chunks; afterwards they are deleted or reprieved."""
    condemned = [row[0] for row in tx.all(_SQL["next_condemned"], {"limit": limit})]
    deleted = tx.all_of(_SQL["delete_unreferenced"], condemned)
    buried: Counter[int] = Counter()
    for pack_no, frame_bytes in deleted:
        buried[pack_no] += frame_bytes
    unmeasured = [pack_no for pack_no, frame_bytes in buried.items() if not packs.bury(tx, pack_no, frame_bytes)]
    tx.run_of(_SQL["reprieve"], condemned)
    return Collected(len(condemned), len(deleted), buried.total(), frozenset(unmeasured))


def count_unreferenced(tx: Tx, looked_at_max: int) -> int:
    """How many of the first `looked_at_max` condemned chunks nothing refers to; reads only."""
    row = tx.one(_SQL["count_unreferenced"], {"limit": looked_at_max})
    assert row is not None
    return int(row[0])
