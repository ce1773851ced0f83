"""Which store this is: the root key and the access key that belong to it, and how far its packs have been counted."""

from dataclasses import dataclass

from holdfast.catalog import sql
from holdfast.catalog.transaction import Tx

_SQL = sql.load("identity")


@dataclass(frozen=True, slots=True)
class Identity:
    """What every node must bring along: neither is a secret."""

    root_id: bytes
    """8 bytes (keys.port)."""
    access_key_id: str


def find(tx: Tx) -> Identity | None:
    """None for a store that nobody has begun."""
    row = tx.one(_SQL["find"])
    return Identity(row[0], str(row[1])) if row else None


def settle(tx: Tx, own: Identity) -> Identity:
    """The store's identity: the one that it has, or else this one from now on."""
    tx.run(_SQL["insert"], {"root_id": own.root_id, "access_key_id": own.access_key_id})
    found = find(tx)
    assert found is not None
    return found


def replace(tx: Tx, own: Identity) -> None:
    """For whoever has the store to itself and changed its root key."""
    tx.run(_SQL["replace"], {"root_id": own.root_id, "access_key_id": own.access_key_id})


def announce(tx: Tx, count: int) -> int:
    """Counts packs that are about to be begun; how many there ever were."""
    row = tx.one(_SQL["announce"], {"count": count})
    assert row is not None
    return int(row[0])


def announced(tx: Tx) -> int:
    """How many packs were ever begun."""
    row = tx.one(_SQL["announced"])
    assert row is not None
    return int(row[0])
