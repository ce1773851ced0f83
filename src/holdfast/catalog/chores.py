"""Chores that one process does at a time, each with a fencing token.

The token grows whenever a chore is taken, and every transaction of the chore asks `require`: a holder that was paused,
however long, finds in its next transaction that another has taken its place. Time only decides who may take a chore
that nobody seems to work at; no clock, however wrong, lets two holders write.
"""

from holdfast.catalog import sql
from holdfast.catalog.transaction import Tx
from holdfast.model.errors import Unavailable

_SQL = sql.load("chores")


def take(tx: Tx, name: str, writer_no: int, now_us: int, ttl_us: int) -> int | None:
    """The token of the chore for this writer from now on, or None while another live writer has it.

    Taking it again gives a new token and ends the one before. `ttl_us` must be the same for everybody who takes it.
    """
    tx.run(_SQL["begin"], {"name": name})
    params = {"name": name, "holder": str(writer_no), "now_us": now_us, "until_us": now_us + ttl_us}
    if tx.run(_SQL["take"], params) == 0:
        return None
    row = tx.one(_SQL["token"], {"name": name})
    assert row is not None
    return int(row[0])


def require(tx: Tx, name: str, token: int) -> None:
    """Raises Unavailable if another has taken the chore since the token was given."""
    if tx.one(_SQL["holds"], {"name": name, "token": token}) is None:
        raise Unavailable(f"another process has taken over the chore {name!r}; what this one had begun is dropped")


def renew(tx: Tx, name: str, token: int, now_us: int, ttl_us: int) -> None:
    """Keeps the chore for `ttl_us` from now. Raises Unavailable like `require`."""
    require(tx, name, token)
    tx.run(_SQL["renew"], {"name": name, "token": token, "until_us": now_us + ttl_us})
