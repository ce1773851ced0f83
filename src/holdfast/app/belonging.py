"""Whether what this node brings along belongs to the store: its root key, its access key, its packs.

Nodes of one store each have a directory of their own. A node that came with another root key would write what nobody
else can read, and one with another access key would let in whom nobody else does; so the first node to open a store
writes both down in the catalog (by names that are no secrets), and every other one is compared.
"""

from holdfast.catalog import identity
from holdfast.catalog.identity import Identity
from holdfast.catalog.port import Catalog
from holdfast.model.errors import InvalidInput, UnusableKey
from holdfast.model.purpose import Purpose


def require_belonging(catalog: Catalog, own: Identity) -> None:
    """Raises UnusableKey for another root key than the store's, InvalidInput for another access key."""
    with catalog.snapshot() as tx:
        found = identity.find(tx)
    if found is None:
        [outcome] = catalog.run([lambda tx: identity.settle(tx, own)], Purpose.BEGIN)
        if outcome.error is not None:
            raise outcome.error
        assert isinstance(outcome.value, Identity)
        found = outcome.value
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
