"""Writes the records that are owed (catalog/records.py): after the transaction that they tell of, before the answer.

An operation that owes one calls `settle` before it answers. What a crash or a full disk leaves owed is written by the
upkeep worker, and until then the vault's deleted points keep their chunks.
"""

from collections.abc import Sequence

from holdfast.catalog import records
from holdfast.catalog.records import DELETION, VAULT, Owed
from holdfast.catalog.transaction import Tx
from holdfast.chunks.port import Location
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model.errors import HoldfastError, NotFound, UnusableKey
from holdfast.model.purpose import Purpose
from holdfast.packfile import record
from holdfast.packfile.layout import Kind
from holdfast.packfile.record import FORMAT_VERSION, DeletionRecord, Record, VaultRecord
from holdfast.records.engines import Engines
from holdfast.records.sealing import SealedContent, record_content, seal_content

_AT_ONCE = 64


class Recorder:
    """Stateless but for the engines; any number of threads, and two that write the same record do no harm."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    def settle(self, vault_no: int | None = None) -> bool:
        """Writes up to 64 owed records, of that vault or of all; whether there were any.

        Raises UnusableKey or NotFound where a vault's keys cannot be used now, Unavailable where the disk refuses: they
        stay owed. Works on a full disk as long as the reserve lasts.
        """
        with self._engines.catalog.snapshot() as tx:
            due = records.owed(tx, vault_no, _AT_ONCE)
            contents = [_content(tx, one) for one in due]
        sealed: list[tuple[Owed, VaultKeys, SealedContent]] = []
        refused: HoldfastError | None = None
        for one, content in zip(due, contents, strict=True):
            try:
                keys = self._engines.keys.open(one.vault_uid)
            except (UnusableKey, NotFound) as unusable:
                # The other vaults need not wait for this one.
                refused = unusable
                continue
            sealed.append((one, keys, seal_content(self._engines.chunks, keys, record.encode(content), Kind.RECORD)))

        def step(tx: Tx, places: Sequence[Location]) -> None:
            for (one, keys, content), place in zip(sealed, places, strict=True):
                # Somebody else may have written it in the meantime; then this frame is dead space.
                if records.pay(tx, one):
                    records.insert(tx, one, record_content(tx, one.vault_no, keys, content, place))

        if sealed:
            self._engines.commits.submit([content.frame for _, _, content in sealed], step, purpose=Purpose.FREE)
        if refused is not None:
            raise refused
        return bool(due)

    def forget_retired(self) -> bool:
        """One step towards dropping the records of deleted vaults that hold nothing more; whether there was one."""
        with self._engines.catalog.snapshot() as tx:
            if not records.can_drop(tx):
                return False
        return self._engines.commits.submit(
            (), lambda tx, _: records.drop_of_retired(tx, _AT_ONCE), purpose=Purpose.FREE
        )


def _content(tx: Tx, owed: Owed) -> Record:
    if owed.kind == DELETION:
        assert owed.resource_arn is not None
        return DeletionRecord(
            version=FORMAT_VERSION,
            vault_uid=owed.vault_uid,
            point_uid=owed.subject,
            resource_arn=owed.resource_arn,
            seq=owed.number,
            deleted_us=owed.since_us,
        )
    assert owed.kind == VAULT
    state = records.vault_state(tx, owed.vault_no)
    return VaultRecord(
        version=FORMAT_VERSION,
        vault_uid=state.uid,
        revision=state.revision,
        name=state.name,
        creator_request_id=state.creator_request_id,
        encryption_key_arn=state.encryption_key_arn,
        created_us=state.created_us,
        options=state.options,
        retired_us=state.retired_us,
    )
