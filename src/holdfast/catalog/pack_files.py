"""Whether the catalog belongs to the packs that lie beside it.

A pack has a row before its file is made, and a row of one kind or the other until the file is gone. So a file without a
row says that the catalog is older than the packs: put back from a copy, or cut off at some point of its log.
"""

from collections.abc import Sequence

from holdfast.catalog import sql
from holdfast.catalog.transaction import Tx

_SQL = sql.load("pack_files")


def unknown(tx: Tx, pack_uids: Sequence[bytes]) -> list[bytes]:
    """Those of the packs that have no row, in their order."""
    known = {row[0] for table in ("known", "doomed", "late") for row in tx.all_of(_SQL[table], pack_uids)}
    return [uid for uid in pack_uids if uid not in known]
