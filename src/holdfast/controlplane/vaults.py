"""CreateBackupVault, DescribeBackupVault, ListBackupVaults, DeleteBackupVault."""

import re

from holdfast.access.authenticate import Caller
from holdfast.catalog import records, vaults
from holdfast.catalog.transaction import Tx
from holdfast.catalog.vaults import VaultRow
from holdfast.controlplane import paging
from holdfast.controlplane.members import short_token_or_none, stored_json, text, text_or_none
from holdfast.controlplane.plane import Handler, Params, Plane, Result
from holdfast.model.arn import ACCOUNT, check_new_arn, vault_arn
from holdfast.model.errors import AlreadyExists, InvalidInput, InvalidState, NotFound
from holdfast.model.limits import VAULT_NAME_PATTERN
from holdfast.model.purpose import Purpose

_NAME = re.compile(VAULT_NAME_PATTERN)
_VAULT_TYPE = "BACKUP_VAULT"


class Vaults:
    """The operations on vaults.

    EncryptionKeyArn and BackupVaultTags are kept, the key's ARN is shown again; nothing follows from them yet: every
    vault has keys of its own from the service's key ring.
    """

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    def handlers(self) -> dict[str, Handler]:
        return {
            "CreateBackupVault": self.create,
            "DescribeBackupVault": self.describe,
            "ListBackupVaults": self.list,
            "DeleteBackupVault": self.delete,
        }

    def create(self, _: Caller, params: Params) -> Result:
        """A new vault with keys of its own; the same CreatorRequestId and key again give the vault that there is.

        Raises AlreadyExists (with the vault's ARN), InvalidInput.
        """
        wanted = self._wanted(params)
        with self._plane.catalog.snapshot() as tx:
            there = _same(tx, wanted)
        if there is None:
            # The keys must be durable before the row that needs them; without the row they are a key to nothing.
            self._plane.keys.create(wanted.uid)

            def step(tx: Tx) -> VaultRow:
                other = _same(tx, wanted)
                if other is None:
                    vaults.insert(tx, wanted)
                    other = vaults.get(tx, wanted.name)
                    records.owe_vault(tx, other.vault_no, wanted.created_us)
                return other

            there = self._plane.write(step)
        self._plane.records.settle(there.vault_no)
        return {
            "BackupVaultName": there.name,
            "BackupVaultArn": vault_arn(there.name),
            "CreationDate": there.created_us,
        }

    def describe(self, _: Caller, params: Params) -> Result:
        """One vault. Raises NotFound."""
        name = text(params, "BackupVaultName")
        refuse_foreign_account(params)
        with self._plane.catalog.snapshot() as tx:
            vault = vaults.get(tx, name)
            return _shown(tx, vault)

    def list(self, _: Caller, params: Params) -> Result:
        """Vaults by name, page by page."""
        size = paging.page_size(params)
        after = paging.begin_after(self._plane.tokens, "ListBackupVaults", params)
        if text_or_none(params, "ByVaultType") not in (None, _VAULT_TYPE) or params.get("ByShared"):
            return {"BackupVaultList": []}
        with self._plane.catalog.snapshot() as tx:
            rows, last = paging.cut(list(vaults.page(tx, after, size + 1)), size)
            shown = [_shown(tx, row) for row in rows]
        token = paging.token_after(self._plane.tokens, "ListBackupVaults", last.name) if last else None
        return {"BackupVaultList": shown, "NextToken": token}

    def delete(self, _: Caller, params: Params) -> Result:
        """Deletes an empty vault. Raises InvalidState while it keeps recovery points or jobs run into it, NotFound."""
        name = text(params, "BackupVaultName")
        now_us = self._plane.clock.now_us()

        def step(tx: Tx) -> int:
            vault = vaults.get(tx, name)
            require_empty(tx, vault)
            vaults.retire(tx, vault.vault_no, now_us)
            records.owe_vault(tx, vault.vault_no, now_us)
            return vault.vault_no

        self._plane.records.settle(self._plane.write(step, purpose=Purpose.FREE))
        return {}

    def _wanted(self, params: Params) -> VaultRow:
        name = text(params, "BackupVaultName")
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                f"BackupVaultName is {name[:80]!r}: it must be 2 to 50 letters, digits, hyphens or underscores of ASCII"
            )
        key_arn = text_or_none(params, "EncryptionKeyArn")
        if key_arn is not None:
            check_new_arn(key_arn, "EncryptionKeyArn")
        return VaultRow(
            vault_no=0,
            uid=self._plane.new_uid().bytes,
            name=name,
            creator_request_id=short_token_or_none(params, "CreatorRequestId"),
            encryption_key_arn=key_arn,
            created_us=self._plane.clock.now_us(),
            options=stored_json(params, ("BackupVaultTags",)),
        )


def require_empty(tx: Tx, vault: VaultRow) -> None:
    """Raises InvalidState while the vault keeps recovery points or jobs run into it."""
    points = vaults.count_points(tx, vault.vault_no)
    if points:
        raise InvalidState(
            f"backup vault {vault.name!r} holds {points} recovery point{_s(points)}: delete them with"
            " DeleteRecoveryPoint first"
        )
    jobs = vaults.count_busy(tx, vault.vault_no)
    if jobs:
        raise InvalidState(
            f"{jobs} backup job{_s(jobs)} still run{'' if jobs > 1 else 's'} into backup vault {vault.name!r}: commit"
            " or stop them first"
        )


def refuse_foreign_account(params: Params) -> None:
    """Raises NotFound if BackupVaultAccountId names an account that is not the service's one."""
    account = text_or_none(params, "BackupVaultAccountId")
    if account not in (None, ACCOUNT):
        raise NotFound(f"account {account} has no backup vaults here: the account is {ACCOUNT}, or leave it out")


def _same(tx: Tx, wanted: VaultRow) -> VaultRow | None:
    """The vault that this very request made before, or None if the name is free. Raises AlreadyExists otherwise."""
    there = vaults.find(tx, wanted.name)
    if there is None:
        return None
    asked = (wanted.creator_request_id, wanted.encryption_key_arn, wanted.options)
    if wanted.creator_request_id and asked == (there.creator_request_id, there.encryption_key_arn, there.options):
        return there
    raise AlreadyExists(
        f"there is a backup vault {wanted.name!r} already: use it, or choose another name", arn=vault_arn(wanted.name)
    )


def _shown(tx: Tx, vault: VaultRow) -> dict[str, object]:
    return {
        "BackupVaultName": vault.name,
        "BackupVaultArn": vault_arn(vault.name),
        "VaultType": _VAULT_TYPE,
        "VaultState": "AVAILABLE",
        "EncryptionKeyArn": vault.encryption_key_arn,
        "CreationDate": vault.created_us,
        "CreatorRequestId": vault.creator_request_id,
        "NumberOfRecoveryPoints": vaults.count_points(tx, vault.vault_no),
        "Locked": False,
    }


def _s(number: int) -> str:
    return "" if number == 1 else "s"
