"""Whether what this node brings along belongs to the store: its root key, its access key, its packs.

Nodes of one store each have a directory of their own. A node that came with another root key would write what nobody
else can read, and one with another access key would let in whom nobody else does; so the first node to open a store
writes both down in the catalog (by names that are no secrets), and every other one is compared.
"""

from holdfast.catalog import identity
from holdfast.catalog.identity import Identity
from holdfast.catalog.port import Catalog
from holdfast.catalog.transaction import Tx
from holdfast.model.errors import InvalidInput, UnusableKey
from holdfast.model.purpose import Purpose

CHANGING = b""
"""Stands for the root key while it is being changed: no node has such a one."""


def settle_identity(catalog: Catalog, own: Identity) -> None:
    """Writes down what the first node brings, and compares every other one. Raises as `require_belonging`."""
    with catalog.snapshot() as tx:
        found = identity.find(tx)
    if found is None:
        [outcome] = catalog.run([lambda tx: identity.settle(tx, own)], Purpose.BEGIN)
        if outcome.error is not None:
            raise outcome.error
    with catalog.snapshot() as tx:
        require_belonging(tx, own)


def require_belonging(tx: Tx, own: Identity) -> None:
    """Raises UnusableKey for another root key than the store's, InvalidInput for another access key."""
    found = identity.find(tx)
    assert found is not None
    if found.root_id == CHANGING:
        raise UnusableKey(
            "this store's root key is being changed; if that was interrupted, do 'holdfast key rotate-root' again where"
            " it was begun"
        )
    if found.root_id != own.root_id:
        raise UnusableKey(
            f"this store's root key is {found.root_id.hex()}, and this node brought {own.root_id.hex()}: copy root.key"
            " from a node of the store into this one's directory, or name it with --root-key-file"
        )
    if found.access_key_id != own.access_key_id:
        raise InvalidInput(
            f"this store's access key is {found.access_key_id}, and this node brought {own.access_key_id}: copy the"
            " file credentials from a node of the store into this one's directory, or name it with --credentials-file"
        )
