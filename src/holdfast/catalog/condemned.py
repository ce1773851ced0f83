"""Chunks that lost a reference, for the collector to look at.

Whoever takes a reference away says so here, in the same transaction. A chunk that is still referred to is condemned in
vain, which does no harm; one that is forgotten here stays for ever.
"""

from collections.abc import Sequence

from holdfast.catalog import sql
from holdfast.catalog.transaction import Tx

_SQL = sql.load("condemned")


def condemn(tx: Tx, chunk_nos: Sequence[int]) -> None:
    """Notes that these chunks lost a reference."""
    tx.run_of(_SQL["condemn"], chunk_nos)
