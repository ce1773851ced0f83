"""Vaults, packs, series and records of a catalog that is made anew, and the plan of its recovery points."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from holdfast.blobs.port import BlobStore
from holdfast.catalog import chunk_index, packs, rebuilding, records
from holdfast.catalog.chunk_index import NewChunk
from holdfast.catalog.findings import Findings, FoundPack, FoundRecord, Place, Planned
from holdfast.catalog.records import Owed, VaultState
from holdfast.catalog.transaction import Tx
from holdfast.chunks.parity import Parity
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model import checksum
from holdfast.model.errors import Damaged
from holdfast.packfile import record
from holdfast.packfile.record import VaultRecord
from holdfast.records.chain import SeriesPlan, plan_series
from holdfast.records.replay import RestoredVault

_NAME_CHARACTERS_MAX = 50


@dataclass(frozen=True, slots=True)
class FoundVault:
    """A vault as the packs tell of it."""

    state: VaultState
    is_told: bool
    """Whether a record in the packs says just this; else the record is owed."""
    keys: VaultKeys | None
    """None where it has none any more: then nothing of it can be read."""
    kept_points: int


@dataclass(frozen=True, slots=True)
class PlannedSeries:
    """What becomes of one source."""

    resource_arn: str
    last_seq: int
    plan: SeriesPlan


def find_vault(findings: Findings, uid: bytes, keys: VaultKeys | None, now_us: int) -> FoundVault:
    """The vault, by its own record; if there is none, by its manifests."""
    content = findings.vault_record(uid)
    if content is not None:
        told = record.decode(content)
        assert isinstance(told, VaultRecord)
        return FoundVault(_state(told), is_told=True, keys=keys, kept_points=0)
    name = findings.vault_name(uid) or f"vault-{uid.hex()[:8]}"
    # Without keys there is nothing to show or to use; its packs are explained all the same.
    retired_us = now_us if keys is None else None
    state = VaultState(uid, name, None, None, now_us, "{}", retired_us, revision=1)
    return FoundVault(state, is_told=False, keys=keys, kept_points=0)


def plan_vault(findings: Findings, uid: bytes) -> list[PlannedSeries]:
    """What becomes of every source in the vault; the recovery points are noted in the findings, to be replayed."""
    planned = []
    for series in findings.series(uid):
        arn = series.resource_arn
        plan = plan_series(findings.manifests(uid, arn), findings.deletions(uid, arn))
        for link in plan.links:
            found = link.manifest
            findings.plan(
                Planned(
                    order_us=link.order_us,
                    vault_uid=uid,
                    resource_arn=arn,
                    seq=found.seq,
                    point_uid=found.point_uid,
                    edition=found.edition,
                    completed_us=found.completed_us,
                    is_full=found.is_full,
                    is_kept=int(link.is_kept),
                )
            )
        planned.append(PlannedSeries(arn, series.last_seq, plan))
    return planned


def settle_names(found: Iterable[FoundVault], now_us: int) -> list[FoundVault]:
    """The vaults, no two that are there of one name.

    Two can be found if a vault was deleted, its name taken again, and the power failed before the packs were told. The
    one with recovery points has the name, then the younger one; another one is deleted if it is empty, else renamed.
    """
    settled = []
    taken: set[str] = set()
    for vault in sorted(found, key=lambda v: (v.kept_points > 0, v.state.created_us, v.state.uid), reverse=True):
        state = vault.state
        if state.retired_us is None and state.name in taken:
            changed = {"retired_us": now_us} if not vault.kept_points else {"name": _other_name(state)}
            state = replace(state, revision=state.revision + 1, **changed)
            vault = replace(vault, state=state, is_told=False)
        if state.retired_us is None:
            taken.add(state.name)
        settled.append(vault)
    return sorted(settled, key=lambda v: (v.state.created_us, v.state.uid))


def insert_vault(tx: Tx, vault: FoundVault, now_us: int) -> int:
    """The vault's row; its number."""
    vault_no = rebuilding.insert_vault(tx, vault.state)
    if not vault.is_told and vault.keys is not None:
        records.owe_vault(tx, vault_no, now_us)
    return vault_no


def insert_pack(tx: Tx, blobs: BlobStore, vault_no: int, vault_uid: bytes, pack: FoundPack) -> None:
    """The pack's row, with the parity that lies beside it."""
    rebuilding.insert_pack(tx, vault_no, pack.uid, pack.old_key, _parity_percent(blobs, vault_uid, pack))


def insert_record(tx: Tx, vault: RestoredVault, found: FoundRecord, place: Place) -> None:
    """The row of a record that lies in a pack, and of its frame."""
    digest = checksum.digest(found.content)
    new = NewChunk(
        chunk_id=place.frame_id,
        sealed_digest=vault.keys.seal_digest(place.frame_id, digest),
        raw_bytes=place.raw_bytes,
        pack=place.pack,
        frame_offset=place.offset,
        frame_bytes=place.frame_bytes,
    )
    told = Owed(
        vault_no=vault.vault_no,
        vault_uid=vault.keys.vault_uid,
        kind=found.kind,
        subject=found.subject,
        resource_arn=found.resource_arn,
        number=found.number,
        since_us=found.since_us,
    )
    records.insert(tx, told, chunk_index.record(tx, vault.vault_no, [new])[0])


def measure(tx: Tx, pack: FoundPack) -> None:
    """Notes the pack's length: whatever no row refers to is dead."""
    packs.measure(tx, rebuilding.pack_no(tx, pack.uid), pack.total_bytes)


def _state(told: VaultRecord) -> VaultState:
    return VaultState(
        uid=told.vault_uid,
        name=told.name,
        creator_request_id=told.creator_request_id,
        encryption_key_arn=told.encryption_key_arn,
        created_us=told.created_us,
        options=told.options,
        retired_us=told.retired_us,
        revision=told.revision,
    )


def _other_name(state: VaultState) -> str:
    ending = f"-{state.uid.hex()[:8]}"
    return state.name[: _NAME_CHARACTERS_MAX - len(ending)] + ending


def _parity_percent(blobs: BlobStore, vault_uid: bytes, pack: FoundPack) -> int:
    try:
        head = Parity(blobs).restoration(vault_uid, pack.uid).head
    except Damaged:
        return 0
    if head.pack_bytes != pack.total_bytes:
        return 0
    return max(1, round(100 * head.parity_shards / head.data_shards))
