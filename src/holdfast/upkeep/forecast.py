"""What collecting would do now, without doing any of it."""

from dataclasses import dataclass

from holdfast.catalog import collect, packs, sweep
from holdfast.catalog.transaction import Tx
from holdfast.upkeep.compaction_plan import Choice
from holdfast.upkeep.compactor import make_plan

_CHUNKS_LOOKED_AT = 10_000
_PACKS_LOOKED_AT = 1_000


@dataclass(frozen=True, slots=True)
class Forecast:
    """Numbers are those of the work that is known now; each stage finds more when the one before it has run."""

    sweep_pending: bool
    """Rows of deleted recovery points or ended jobs wait to be swept; what that frees is not known yet."""
    deleted_chunks: int
    """Among the first 10,000 that are condemned."""
    removed_packs: int
    freed_bytes: int
    """Of packs without anything alive, and of those in `compacted` less what is copied."""
    copied_bytes: int
    compacted: tuple[Choice, ...]


def forecast(tx: Tx, threshold: int) -> Forecast:
    """What a collection at this threshold would do now; reads a bounded number of rows."""
    empty = packs.empty(tx, _PACKS_LOOKED_AT)
    gone = {pack.pack_no for pack in empty}
    chosen = tuple(choice for choice in make_plan(tx, threshold) if choice.pack.pack_no not in gone)
    copied = sum(choice.live_bytes for choice in chosen)
    return Forecast(
        sweep_pending=sweep.pending(tx),
        deleted_chunks=collect.count_unreferenced(tx, _CHUNKS_LOOKED_AT),
        removed_packs=len(empty),
        freed_bytes=sum(pack.total_bytes for pack in empty)
        + sum(choice.pack.total_bytes for choice in chosen)
        - copied,
        copied_bytes=copied,
        compacted=chosen,
    )
