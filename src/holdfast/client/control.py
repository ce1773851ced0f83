"""Vaults, jobs and recovery points: AWS Backup's operations, and the three of our own model that go with them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

import msgspec

from holdfast.client import answers
from holdfast.client.call import Requester, decode
from holdfast.client.page_progress import PageProgress
from holdfast.client.request_line import QueryValue, label, query

_Page = TypeVar("_Page", answers.VaultPage, answers.BackupJobPage, answers.RecoveryPointPage)

_vault = msgspec.json.Decoder(answers.Vault)
_vaults = msgspec.json.Decoder(answers.VaultPage)
_started = msgspec.json.Decoder(answers.BackupJobStarted)
_job = msgspec.json.Decoder(answers.BackupJob)
_jobs = msgspec.json.Decoder(answers.BackupJobPage)
_restore_started = msgspec.json.Decoder(answers.RestoreJobStarted)
_restore_job = msgspec.json.Decoder(answers.RestoreJob)
_point = msgspec.json.Decoder(answers.RecoveryPoint)
_points = msgspec.json.Decoder(answers.RecoveryPointPage)
_committed = msgspec.json.Decoder(answers.Committed)
_base = msgspec.json.Decoder(answers.IncrementalBase)
_rotated = msgspec.json.Decoder(answers.VaultKeyRotated)
_destroyed = msgspec.json.Decoder(answers.VaultKeysDestroyed)


class Control:
    """The control plane as methods. Errors are those of model/errors."""

    def __init__(self, requester: Requester) -> None:
        self._requester = requester

    def create_vault(self, name: str, *, creator_request_id: str | None = None) -> answers.Vault:
        """CreateBackupVault. Raises AlreadyExists if there is one of that name."""
        body = {} if creator_request_id is None else {"CreatorRequestId": creator_request_id}
        return decode(_vault, self._requester.backup("PUT", _vault_path(name), json=body))

    def describe_vault(self, name: str) -> answers.Vault:
        """DescribeBackupVault."""
        return decode(_vault, self._requester.backup("GET", _vault_path(name)))

    def list_vaults(self) -> Iterator[answers.Vault]:
        """ListBackupVaults, all pages."""
        for page in self._pages(_vaults, b"/backup-vaults/"):
            yield from page.backup_vault_list

    def delete_vault(self, name: str) -> None:
        """DeleteBackupVault. Raises InvalidState while it holds recovery points."""
        self._requester.backup("DELETE", _vault_path(name))

    def rotate_vault_key(self, name: str) -> answers.VaultKeyRotated:
        """RotateVaultKey: what is written from now on is under a new key. Repeated, it makes one key more."""
        return decode(_rotated, self._requester.storage("POST", _care_path(name) + b"/rotate-key", json={}))

    def destroy_vault_keys(self, name: str) -> int:
        """DestroyVaultKeys: the vault is deleted and its packs can be read by nobody. How many vaults lost theirs.

        Raises InvalidInput while it holds recovery points, NotFound when there is nothing left to destroy.
        """
        body = {"Confirm": name}
        return decode(
            _destroyed, self._requester.storage("POST", _care_path(name) + b"/destroy-keys", json=body)
        ).vaults

    def start_backup_job(
        self,
        vault: str,
        resource_arn: str,
        role_arn: str,
        *,
        idempotency_token: str | None = None,
        complete_window_minutes: int | None = None,
    ) -> answers.BackupJobStarted:
        """StartBackupJob. With an idempotency token, a repeated call answers the job that the first one started."""
        body: dict[str, object] = {"BackupVaultName": vault, "ResourceArn": resource_arn, "IamRoleArn": role_arn}
        if idempotency_token is not None:
            body["IdempotencyToken"] = idempotency_token
        if complete_window_minutes is not None:
            body["CompleteWindowMinutes"] = complete_window_minutes
        return decode(_started, self._requester.backup("PUT", b"/backup-jobs", json=body))

    def describe_backup_job(self, job_id: str) -> answers.BackupJob:
        """DescribeBackupJob."""
        return decode(_job, self._requester.backup("GET", _job_path(job_id)))

    def list_backup_jobs(
        self, *, resource_arn: str | None = None, state: str | None = None, vault: str | None = None
    ) -> Iterator[answers.BackupJob]:
        """ListBackupJobs, all pages, with the filters that are given."""
        filters = (("resourceArn", resource_arn), ("state", state), ("backupVaultName", vault))
        for page in self._pages(_jobs, b"/backup-jobs/", *filters):
            yield from page.backup_jobs

    def stop_backup_job(self, job_id: str) -> None:
        """StopBackupJob: the job is aborted and leaves nothing."""
        self._requester.backup("POST", _job_path(job_id))

    def commit_backup_job(self, job_id: str, *, drop_open_uploads: bool = False) -> answers.Committed:
        """CommitBackupJob: the job view is a recovery point, durably, when this returns."""
        body = {"DropOpenUploads": drop_open_uploads}
        return decode(_committed, self._requester.storage("POST", _job_path(job_id) + b"/commit", json=body))

    def get_incremental_base_backup(self, job_id: str) -> str | None:
        """GetIncrementalBaseBackup: the ARN of the recovery point that the job starts from, or None."""
        return decode(_base, self._requester.storage("GET", _job_path(job_id) + b"/base")).recovery_point_arn

    def start_restore_job(
        self,
        recovery_point_arn: str,
        *,
        metadata: Mapping[str, str] | None = None,
        role_arn: str | None = None,
        idempotency_token: str | None = None,
    ) -> str:
        """StartRestoreJob: the id of a storage job that reads the recovery point."""
        body: dict[str, object] = {"RecoveryPointArn": recovery_point_arn, "Metadata": dict(metadata or {})}
        if role_arn is not None:
            body["IamRoleArn"] = role_arn
        if idempotency_token is not None:
            body["IdempotencyToken"] = idempotency_token
        return decode(_restore_started, self._requester.backup("PUT", b"/restore-jobs", json=body)).restore_job_id

    def describe_restore_job(self, job_id: str) -> answers.RestoreJob:
        """DescribeRestoreJob."""
        path = b"/restore-jobs/" + label(job_id, "RestoreJobId")
        return decode(_restore_job, self._requester.backup("GET", path))

    def complete_restore_job(self, job_id: str) -> None:
        """CompleteRestoreJob: the reader is done, its handle is given back."""
        path = b"/restore-jobs/" + label(job_id, "StorageJobId") + b"/complete"
        self._requester.storage("POST", path)

    def list_recovery_points_by_vault(
        self, vault: str, *, resource_arn: str | None = None
    ) -> Iterator[answers.RecoveryPoint]:
        """ListRecoveryPointsByBackupVault, all pages."""
        path = _vault_path(vault) + b"/recovery-points/"
        for page in self._pages(_points, path, ("resourceArn", resource_arn)):
            yield from page.recovery_points

    def list_recovery_points_by_resource(self, resource_arn: str) -> Iterator[answers.RecoveryPoint]:
        """ListRecoveryPointsByResource, all pages."""
        path = b"/resources/" + label(resource_arn, "ResourceArn") + b"/recovery-points/"
        for page in self._pages(_points, path):
            yield from page.recovery_points

    def describe_recovery_point(self, vault: str, recovery_point_arn: str) -> answers.RecoveryPoint:
        """DescribeRecoveryPoint."""
        return decode(_point, self._requester.backup("GET", _point_path(vault, recovery_point_arn)))

    def delete_recovery_point(self, vault: str, recovery_point_arn: str) -> None:
        """DeleteRecoveryPoint. Recovery points that were based on it stay whole."""
        self._requester.backup("DELETE", _point_path(vault, recovery_point_arn))

    def _pages(
        self, decoder: "msgspec.json.Decoder[_Page]", path: bytes, *filters: tuple[str, QueryValue]
    ) -> Iterator[_Page]:
        token: str | None = None
        progress = PageProgress("list")
        while True:
            page = decode(decoder, self._requester.backup("GET", path, query(*filters, ("nextToken", token))))
            token = page.next_token
            progress.check(token, is_empty=not _items(page))
            yield page
            if token is None:
                return


def _items(page: answers.VaultPage | answers.BackupJobPage | answers.RecoveryPointPage) -> Sequence[answers.Answer]:
    if isinstance(page, answers.VaultPage):
        return page.backup_vault_list
    return page.backup_jobs if isinstance(page, answers.BackupJobPage) else page.recovery_points


def _vault_path(name: str) -> bytes:
    return b"/backup-vaults/" + label(name, "BackupVaultName")


def _care_path(name: str) -> bytes:
    return b"/care/vaults/" + label(name, "BackupVaultName")


def _job_path(job_id: str) -> bytes:
    return b"/backup-jobs/" + label(job_id, "BackupJobId")


def _point_path(vault: str, recovery_point_arn: str) -> bytes:
    return _vault_path(vault) + b"/recovery-points/" + label(recovery_point_arn, "RecoveryPointArn")
