"""What the catalog knows of vaults' keys: whose were destroyed, and what was sealed under an earlier frame key."""

from collections.abc import Sequence

from holdfast.catalog import sql
from holdfast.catalog.transaction import Tx
from holdfast.catalog.vaults import VaultRow

_SQL = sql.load("vault_keys")


def deleted_of_name(tx: Tx, name: str) -> list[VaultRow]:
    """Deleted vaults that had this name and still have their keys, the latest first; up to a hundred."""
    return [VaultRow(*row) for row in tx.all(_SQL["deleted_of_name"], {"name": name})]


def shred(tx: Tx, vault_no: int, now_us: int) -> None:
    """The keys of a deleted vault are about to be destroyed: from here on nothing is sealed or read for it."""
    tx.run(_SQL["shred"], {"vault_no": vault_no, "now_us": now_us})
    # No record can be sealed any more, and nobody could read it.
    tx.run(_SQL["forget_owed"], {"vault_no": vault_no})


def shredded(tx: Tx, vault_uids: Sequence[bytes]) -> list[bytes]:
    """Those of the vaults whose keys are destroyed, or were to be when a process ended."""
    return [row[0] for row in tx.all_of(_SQL["shredded"], vault_uids)]


def key_number(tx: Tx, vault_no: int) -> int:
    """The number of the vault's latest frame key, as far as this catalog has heard."""
    row = tx.one(_SQL["key_number"], {"vault_no": vault_no})
    assert row is not None
    return int(row[0])


def mark_old_key(tx: Tx, vault_no: int, key_number: int) -> int:
    """Notes that the vault's packs hold frames under an earlier frame key than its newest, that number; how many."""
    tx.run(_SQL["set_key_number"], {"vault_no": vault_no, "key_number": key_number})
    return tx.run(_SQL["mark_old_key"], {"vault_no": vault_no})


def latest(tx: Tx) -> list[tuple[bytes, str, int]]:
    """Uid, name, and number of the newest frame key, of every vault whose keys were not destroyed."""
    return [(bytes(uid), str(name), int(number)) for uid, name, number in tx.all(_SQL["latest"])]
