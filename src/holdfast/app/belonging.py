"""Whether what this node brings along belongs to the store: its root key.

Nodes of one store each have a directory of their own. A node that came with another root key would write what no other
node can read; so the first node to open a store writes the name of its root key down in the catalog, and every other
one is compared. The access key's name is noted as well, for those who look for it; it may be replaced on one node after
the other (app.access_keys), and is not compared.
"""

from holdfast.catalog import identity
from holdfast.catalog.identity import Identity
from holdfast.catalog.port import Catalog
from holdfast.catalog.transaction import Tx
from holdfast.model.errors import InvalidInput, UnusableKey
from holdfast.model.purpose import Purpose

CHANGING = b""
"""Stands for the root key while it is being changed: no node has such a one."""


def settle_identity(catalog: Catalog, own: Identity, *, is_new: bool) -> None:
    """Writes down what the first node brings, and compares every other one. Raises as `require_belonging`.

    `is_new`: this node made its access key for a store that had none; InvalidInput if another node was quicker.
    """
    with catalog.snapshot() as tx:
        found = identity.find(tx)
    if found is None or (found.access_key_id != own.access_key_id and not is_new):
        [outcome] = catalog.run([lambda tx: _note(tx, own)], Purpose.BEGIN)
        if outcome.error is not None:
            raise outcome.error
    with catalog.snapshot() as tx:
        require_belonging(tx, own)
        found = identity.find(tx)
    if is_new and found is not None and found.access_key_id != own.access_key_id:
        raise InvalidInput(
            f"this store's access key is {found.access_key_id}, made by another node just now: copy the file"
            " credentials from that node into this one's directory, or name it with --credentials-file"
        )


def _note(tx: Tx, own: Identity) -> None:
    found = identity.settle(tx, own)
    if found.root_id == own.root_id and found.access_key_id != own.access_key_id:
        identity.replace(tx, own)


def require_belonging(tx: Tx, own: Identity) -> None:
    """Raises UnusableKey for another root key than the store's."""
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
