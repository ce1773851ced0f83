"""A store that is moving elsewhere is read and not changed; every transaction looks (catalog.writers).

Both are done under Purpose.BEGIN, so that a freeze can be released while it stands.
"""

from holdfast.catalog import sql
from holdfast.catalog.transaction import Tx

_SQL = sql.load("freezes")


def place(tx: Tx, reason: str, now_us: int) -> None:
    """Nothing but what readers need is written from the next transaction on; the same reason twice is one freeze."""
    tx.run(_SQL["place"], {"reason": reason, "now_us": now_us})


def release(tx: Tx, reason: str) -> None:
    """The freeze for that reason is over."""
    tx.run(_SQL["release"], {"reason": reason})


def standing(tx: Tx) -> list[str]:
    """Why the store is frozen; none for no reason."""
    return [str(row[0]) for row in tx.all(_SQL["all"])]
