"""Chores that one process does at a time, each with a fencing token.

The token grows whenever a chore is taken, and every transaction of the chore asks `require`: a holder that was paused,
however long, finds in its next transaction that another has taken its place. Time only decides who may take a chore
that nobody seems to work at; no clock, however wrong, lets two holders write.
"""

from holdfast.catalog import sql
from holdfast.catalog.transaction import Tx
from holdfast.model.errors import ChoreTaken

_SQL = sql.load("chores")


def take(tx: Tx, name: str, writer_no: int, now_us: int, ttl_us: int, *, insist: bool = False) -> int | None:
    """The token of the chore for this writer from now on, or None while another live writer has it.

    With `insist` it is taken from whoever has it. Taking it again gives a new token and ends the one before. `ttl_us`
    must be the same for everybody who takes it.
    """
    tx.run(_SQL["begin"], {"name": name})
    params = {"name": name, "holder": str(writer_no), "until_us": now_us + ttl_us}
    taken = tx.run(_SQL["take_over"], params) if insist else tx.run(_SQL["take"], {**params, "now_us": now_us})
    if taken == 0:
        return None
    row = tx.one(_SQL["token"], {"name": name})
    assert row is not None
    return int(row[0])


def is_elsewhere(tx: Tx, name: str, writer_no: int, now_us: int, ttl_us: int) -> bool:
    """Whether another live writer has the chore; reads only."""
    params = {"name": name, "holder": str(writer_no), "now_us": now_us, "until_us": now_us + ttl_us}
    return tx.one(_SQL["is_elsewhere"], params) is not None


def require(tx: Tx, name: str, token: int) -> None:
    """Raises ChoreTaken if another has taken the chore since the token was given."""
    if tx.one(_SQL["holds"], {"name": name, "token": token}) is None:
        raise ChoreTaken(f"another process has taken over the chore {name!r}; what this one had begun is dropped")


def renew(tx: Tx, name: str, token: int, now_us: int, ttl_us: int) -> None:
    """Keeps the chore for `ttl_us` from now. Raises ChoreTaken like `require`."""
    require(tx, name, token)
    tx.run(_SQL["renew"], {"name": name, "token": token, "until_us": now_us + ttl_us})
