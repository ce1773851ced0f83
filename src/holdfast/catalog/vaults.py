"""Rows of vaults."""

from collections.abc import Iterator
from dataclasses import dataclass

from holdfast.catalog import sql
from holdfast.catalog.transaction import Tx
from holdfast.model.errors import NotFound

_SQL = sql.load("vaults")


@dataclass(frozen=True, slots=True)
class VaultRow:
    """A vault; `created_us` in microseconds since 1970, `options` is JSON."""

    vault_no: int
    uid: bytes
    name: str
    creator_request_id: str | None
    encryption_key_arn: str | None
    created_us: int
    options: str = "{}"


def insert(tx: Tx, vault: VaultRow) -> None:
    """A new vault; its `vault_no` is ignored and given by the catalog. The name must be free."""
    tx.run(
        _SQL["insert"],
        {
            "uid": vault.uid,
            "name": vault.name,
            "creator_request_id": vault.creator_request_id,
            "encryption_key_arn": vault.encryption_key_arn,
            "created_us": vault.created_us,
            "options": vault.options,
        },
    )


def find(tx: Tx, name: str) -> VaultRow | None:
    """The vault of that name, or None."""
    row = tx.one(_SQL["find"], {"name": name})
    return VaultRow(*row) if row else None


def get(tx: Tx, name: str) -> VaultRow:
    """The vault of that name. Raises NotFound."""
    vault = find(tx, name)
    if vault is None:
        raise NotFound(f"there is no backup vault {name!r}: create it, or choose one that ListBackupVaults shows")
    return vault


def page(tx: Tx, after: str, limit: int) -> Iterator[VaultRow]:
    """Up to `limit` vaults with names greater than `after`, in order of names."""
    for row in tx.all(_SQL["page"], {"after": after, "limit": limit}):
        yield VaultRow(*row)


def count_points(tx: Tx, vault_no: int) -> int:
    """Recovery points that the vault keeps."""
    return _count(tx, "count_points", vault_no)


def count_busy(tx: Tx, vault_no: int) -> int:
    """Backup jobs that run into the vault."""
    return _count(tx, "count_busy", vault_no)


def retire(tx: Tx, vault_no: int, now_us: int) -> None:
    """The vault is gone for every caller and its name free; its rows stay until they are collected."""
    tx.run(_SQL["retire"], {"vault_no": vault_no, "now_us": now_us})


def _count(tx: Tx, statement: str, vault_no: int) -> int:
    row = tx.one(_SQL[statement], {"vault_no": vault_no})
    assert row is not None
    return int(row[0])
