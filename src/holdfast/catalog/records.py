"""Rows of records: what the packs say, beside manifests, of vaults and of recovery points that are gone.

A record tells what a transaction did, and its frame is written after that transaction: until then it is *owed*. So a
frame never tells of something that did not happen, whenever the power fails; what a crash leaves owed is written by the
next process. Chunks that a deleted recovery point held are collected only after its record is in the packs (sweep.sql),
so that a catalog rebuilt in between shows the point whole or not at all.
"""

from dataclasses import dataclass

from holdfast.catalog import condemned, sql
from holdfast.catalog.transaction import Row, Tx

_SQL = sql.load("records")

VAULT, DELETION = "VAULT", "DELETION"


@dataclass(frozen=True, slots=True)
class Owed:
    """A record to be written. `number` is the revision of a VAULT, the seq of a DELETION."""

    vault_no: int
    vault_uid: bytes
    kind: str
    subject: str
    """The UUID of the recovery point of a DELETION; empty for a VAULT."""
    resource_arn: str | None
    number: int
    since_us: int


@dataclass(frozen=True, slots=True)
class VaultState:
    """What a vault's record says; times in microseconds."""

    uid: bytes
    name: str
    creator_request_id: str | None
    encryption_key_arn: str | None
    created_us: int
    options: str
    retired_us: int | None
    revision: int


def owe_vault(tx: Tx, vault_no: int, now_us: int) -> None:
    """The vault's record no longer says what the vault is: for the transaction that makes, changes or retires it."""
    tx.run(_SQL["owe_vault"], {"vault_no": vault_no, "now_us": now_us})


def owe_deletion(tx: Tx, vault_no: int, point_uid: str, resource_arn: str, seq: int, now_us: int) -> None:
    """The recovery point (or what a job's commit would have made) is gone: for the transaction that ends it."""
    tx.run(
        _SQL["owe_deletion"],
        {
            "vault_no": vault_no,
            "subject": point_uid,
            "resource_arn": resource_arn,
            "number": seq,
            "now_us": now_us,
        },
    )


def owe_again(tx: Tx, chunk_no: int) -> bool:
    """The record in that frame is to be written anew, since the frame is damaged; False if it holds no record."""
    return tx.run(_SQL["owe_again"], {"chunk_no": chunk_no}) > 0


def owes_deletion(tx: Tx, vault_no: int, point_uid: str) -> bool:
    """Whether the point's deletion is not in the packs yet."""
    return tx.one(_SQL["owes"], {"vault_no": vault_no, "kind": DELETION, "subject": point_uid}) is not None


def owed(tx: Tx, vault_no: int | None, limit: int) -> list[Owed]:
    """Up to `limit` records to be written, of one vault or (None) of all.

    Nothing is owed for a vault whose keys were destroyed: its packs tell nobody anything any more.
    """
    return [Owed(*row) for row in tx.all(_SQL["owed"], {"vault_no": vault_no, "limit": limit})]


def pay(tx: Tx, record: Owed) -> bool:
    """Strikes the record off what is owed; False if it is not owed, or not in this revision."""
    key = {"vault_no": record.vault_no, "kind": record.kind, "subject": record.subject}
    return tx.run(_SQL["pay"], {**key, "number": record.number}) == 1


def insert(tx: Tx, record: Owed, chunk_no: int) -> None:
    """The record stands in the frame of that chunk; an earlier one of the same subject is given up."""
    key = {"vault_no": record.vault_no, "kind": record.kind, "subject": record.subject}
    former = tx.all(_SQL["former"], key)
    tx.run_of(_SQL["drop"], [record_no for record_no, _ in former])
    condemned.condemn(tx, [former_no for _, former_no in former if former_no != chunk_no])
    params = {**key, "resource_arn": record.resource_arn, "number": record.number, "since_us": record.since_us}
    tx.run(_SQL["insert"], {**params, "chunk_no": chunk_no})


def vault_state(tx: Tx, vault_no: int) -> VaultState:
    """The vault as its record is to describe it, retired or not."""
    row = tx.one(_SQL["vault"], {"vault_no": vault_no})
    assert row is not None
    return VaultState(*row)


def can_drop(tx: Tx) -> bool:
    """Whether `drop_of_retired` has something to do; reads only."""
    return bool(_droppable(tx, 1))


def drop_of_retired(tx: Tx, limit: int) -> bool:
    """One step towards forgetting the records of a retired vault; whether there was something to do.

    First its DELETION records go: its own record, which says that it is retired, answers for all its points. That one
    goes last, when no other pack of the vault is left: it keeps whatever lies dead in them from rising again.
    """
    rows = _droppable(tx, limit)
    tx.run_of(_SQL["drop"], [record_no for record_no, _ in rows])
    condemned.condemn(tx, [chunk_no for _, chunk_no in rows])
    return bool(rows)


def _droppable(tx: Tx, limit: int) -> list[Row]:
    after = 0
    while (found := tx.one(_SQL["retired_with_records"], {"after": after})) is not None:
        vault_no = after = int(found[0])
        key = {"vault_no": vault_no}
        if tx.one(_SQL["is_written"], key) is None:
            continue
        rows = tx.all(_SQL["of_kind"], {**key, "kind": DELETION, "limit": limit})
        if not rows and tx.one(_SQL["has_other_packs"], key) is None:
            rows = tx.all(_SQL["of_kind"], {**key, "kind": VAULT, "limit": limit})
        if rows:
            return rows
    return []
