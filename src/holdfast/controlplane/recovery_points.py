"""ListRecoveryPointsByBackupVault, ListRecoveryPointsByResource, DescribeRecoveryPoint, DeleteRecoveryPoint."""

from holdfast.access.authenticate import Caller
from holdfast.catalog import leases, records, recovery_points, restore_jobs, vaults
from holdfast.catalog.recovery_points import RecoveryPointFilter, RecoveryPointRow
from holdfast.catalog.transaction import Tx
from holdfast.controlplane import paging
from holdfast.controlplane.members import loaded_json, number_or_none, text, text_or_none
from holdfast.controlplane.plane import Handler, Params, Plane, Result
from holdfast.controlplane.vaults import refuse_foreign_account
from holdfast.model.arn import check_arn, recovery_point_arn, recovery_point_uid, resource_type, source_name, vault_arn
from holdfast.model.errors import NotFound
from holdfast.model.purpose import Purpose


class RecoveryPoints:
    """The operations on recovery points.

    The Lifecycle that a job asked for is shown with its recovery point; nothing is deleted because of it yet.
    """

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    def handlers(self) -> dict[str, Handler]:
        return {
            "ListRecoveryPointsByBackupVault": self.list_by_vault,
            "ListRecoveryPointsByResource": self.list_by_resource,
            "DescribeRecoveryPoint": self.describe,
            "DeleteRecoveryPoint": self.delete,
        }

    def list_by_vault(self, _: Caller, params: Params) -> Result:
        """Kept recovery points of a vault that pass all filters, newest first; times are exclusive. Raises NotFound."""
        name = text(params, "BackupVaultName")
        refuse_foreign_account(params)
        size = paging.page_size(params)
        before_no = paging.begin_below(self._plane.tokens, "ListRecoveryPointsByBackupVault", params)
        # There are no backup plans, and no recovery point has a parent.
        foreign = params.get("ByBackupPlanId") is not None or params.get("ByParentRecoveryPointArn") is not None
        with self._plane.catalog.snapshot() as tx:
            chosen = RecoveryPointFilter(
                vault_no=vaults.get(tx, name).vault_no,
                resource_arn=text_or_none(params, "ByResourceArn"),
                resource_type=text_or_none(params, "ByResourceType"),
                created_after=number_or_none(params, "ByCreatedAfter"),
                created_before=number_or_none(params, "ByCreatedBefore"),
            )
            found = [] if foreign else recovery_points.page(tx, chosen, before_no, size + 1)
        rows, last = paging.cut(found, size)
        token = self._token("ListRecoveryPointsByBackupVault", last)
        return {"RecoveryPoints": [_shown(row) for row in rows], "NextToken": token}

    def list_by_resource(self, _: Caller, params: Params) -> Result:
        """Kept recovery points of a source in whatever vault, newest first; none for a source nobody knows."""
        chosen = RecoveryPointFilter(resource_arn=check_arn(text(params, "ResourceArn"), "ResourceArn"))
        size = paging.page_size(params)
        before_no = paging.begin_below(self._plane.tokens, "ListRecoveryPointsByResource", params)
        with self._plane.catalog.snapshot() as tx:
            rows, last = paging.cut(recovery_points.page(tx, chosen, before_no, size + 1), size)
        token = self._token("ListRecoveryPointsByResource", last)
        return {"RecoveryPoints": [_shown_by_resource(row) for row in rows], "NextToken": token}

    def describe(self, _: Caller, params: Params) -> Result:
        """One kept recovery point of that vault. Raises NotFound."""
        refuse_foreign_account(params)
        with self._plane.catalog.snapshot() as tx:
            return _shown(_found(tx, params)) | {"StorageClass": "WARM"}

    def delete(self, _: Caller, params: Params) -> Result:
        """Takes a recovery point away from every reader; its restore jobs fail. Others lose nothing by it.

        Raises NotFound; Unavailable if it is deleted and the packs could not be told: asked again, they are told.
        """
        now_us = self._plane.clock.now_us()

        def step(tx: Tx) -> int:
            told_later = _deleted_before(tx, params)
            if told_later is not None:
                return told_later
            point = _found(tx, params)
            recovery_points.delete(tx, point)
            restore_jobs.fail_readers(tx, point.point_no, leases.POINT_DELETED_MESSAGE, now_us)
            records.owe_deletion(tx, point.vault_no, point.uid, point.resource_arn, point.seq, now_us)
            return point.vault_no

        self._plane.records.settle(self._plane.write(step, purpose=Purpose.FREE))
        return {}

    def _token(self, operation: str, last: RecoveryPointRow | None) -> str | None:
        return paging.token_below(self._plane.tokens, operation, last.point_no) if last else None


def point_uid(arn: str) -> str:
    """The UUID in the ARN of a recovery point of ours. Raises NotFound for any other ARN."""
    uid = recovery_point_uid(arn)
    if uid is None:
        raise NotFound(f"{arn[:200]} is not the ARN of a recovery point here: they begin with {recovery_point_arn('')}")
    return uid


def _found(tx: Tx, params: Params) -> RecoveryPointRow:
    arn = check_arn(text(params, "RecoveryPointArn"), "RecoveryPointArn")
    vault = vaults.get(tx, text(params, "BackupVaultName"))
    point = recovery_points.find(tx, point_uid(arn))
    if point is None or point.vault_no != vault.vault_no:
        raise NotFound(
            f"backup vault {vault.name!r} has no recovery point {arn[:200]}: use one that"
            " ListRecoveryPointsByBackupVault shows"
        )
    return point


def _deleted_before(tx: Tx, params: Params) -> int | None:
    """The number of the vault if it deleted this recovery point and has not told the packs yet."""
    uid = recovery_point_uid(check_arn(text(params, "RecoveryPointArn"), "RecoveryPointArn"))
    vault = vaults.find(tx, text(params, "BackupVaultName"))
    owes = uid is not None and vault is not None and records.owes_deletion(tx, vault.vault_no, uid)
    return vault.vault_no if vault is not None and owes else None


def _shown(point: RecoveryPointRow) -> dict[str, object]:
    return {
        "RecoveryPointArn": recovery_point_arn(point.uid),
        "BackupVaultName": point.vault_name,
        "BackupVaultArn": vault_arn(point.vault_name),
        "VaultType": "BACKUP_VAULT",
        "ResourceArn": point.resource_arn,
        "ResourceType": resource_type(point.resource_arn),
        "ResourceName": source_name(point.resource_arn),
        "IamRoleArn": point.role_arn,
        "Status": "COMPLETED",
        "CreationDate": point.created_us,
        "InitiationDate": point.created_us,
        "CompletionDate": point.completed_us,
        "BackupSizeInBytes": point.total_bytes,
        "Lifecycle": loaded_json(point.options).get("Lifecycle"),
        "EncryptionKeyArn": point.encryption_key_arn,
        "IsEncrypted": True,
        "IsParent": False,
    }


def _shown_by_resource(point: RecoveryPointRow) -> dict[str, object]:
    return {
        "RecoveryPointArn": recovery_point_arn(point.uid),
        "CreationDate": point.created_us,
        "Status": "COMPLETED",
        "EncryptionKeyArn": point.encryption_key_arn,
        "BackupSizeBytes": point.total_bytes,
        "BackupVaultName": point.vault_name,
        "IsParent": False,
        "ResourceName": source_name(point.resource_arn),
        "VaultType": "BACKUP_VAULT",
    }
