"""ListBackupJobs, and how a backup job is shown."""

from holdfast.access.authenticate import Caller
from holdfast.catalog import backup_jobs, leases
from holdfast.catalog.backup_jobs import BackupJobFilter, BackupJobRow
from holdfast.controlplane import paging
from holdfast.controlplane.members import loaded_json, number_or_none, text_or_none
from holdfast.controlplane.plane import Handler, Params, Plane, Result
from holdfast.model.arn import ACCOUNT, recovery_point_arn, resource_type, source_name, vault_arn

_DONE_CATEGORY = "SUCCESS"
_ANY_CATEGORY = "AGGREGATE_ALL"


class BackupJobLists:
    """The list of all backup jobs, newest first."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    def handlers(self) -> dict[str, Handler]:
        return {"ListBackupJobs": self.list}

    def list(self, _: Caller, params: Params) -> Result:
        """Jobs that pass all filters, page by page; times are exclusive. Raises InvalidInput."""
        size = paging.page_size(params)
        before_no = paging.begin_below(self._plane.tokens, "ListBackupJobs", params)
        chosen = _filter(params, self._plane.clock.now_us())
        if chosen is None:
            return {"BackupJobs": []}
        with self._plane.catalog.snapshot() as tx:
            rows, last = paging.cut(backup_jobs.page(tx, chosen, before_no, size + 1), size)
        token = paging.token_below(self._plane.tokens, "ListBackupJobs", last.job_no) if last else None
        return {"BackupJobs": [shown(row, chosen.now_us) for row in rows], "NextToken": token}


def shown_state(job: BackupJobRow, now_us: int) -> str:
    """AWS Backup's name of the job's state; EXPIRED as soon as its lease is over, whoever has noticed."""
    return "EXPIRED" if job.state.is_live and leases.is_over(job, now_us) else job.state.wire


def shown(job: BackupJobRow, now_us: int) -> dict[str, object]:
    """The job as DescribeBackupJob and ListBackupJobs show it."""
    options = loaded_json(job.options)
    state = shown_state(job, now_us)
    done = state == "COMPLETED"
    return {
        "AccountId": ACCOUNT,
        "BackupJobId": job.uid,
        "BackupVaultName": job.vault_name,
        "BackupVaultArn": vault_arn(job.vault_name),
        "VaultType": "BACKUP_VAULT",
        "RecoveryPointArn": recovery_point_arn(job.point_uid),
        "RecoveryPointLifecycle": options.get("Lifecycle"),
        "IsEncrypted": True,
        "ResourceArn": job.resource_arn,
        "ResourceType": resource_type(job.resource_arn),
        "ResourceName": source_name(job.resource_arn),
        "CreationDate": job.created_us,
        "InitiationDate": job.created_us,
        "CompletionDate": job.finished_us,
        "State": state,
        "StatusMessage": leases.EXPIRED_MESSAGE if state == "EXPIRED" else job.message,
        "MessageCategory": _DONE_CATEGORY if done else None,
        "PercentDone": "100.0" if done else "0.0",
        "BackupSizeInBytes": job.total_bytes,
        "IamRoleArn": job.role_arn,
        "BackupOptions": options.get("BackupOptions"),
        "IsParent": False,
    }


def _filter(params: Params, now_us: int) -> BackupJobFilter | None:
    """The filter that the request asks for; None if it is one that no job of ours can pass."""
    state = text_or_none(params, "ByState")
    category = text_or_none(params, "ByMessageCategory")
    if category == _DONE_CATEGORY:
        if state not in (None, "COMPLETED"):
            return None
        state = "COMPLETED"
    elif category not in (None, _ANY_CATEGORY):
        return None
    # There is one account, and no job has a parent.
    if text_or_none(params, "ByAccountId") not in (None, ACCOUNT) or params.get("ByParentJobId") is not None:
        return None
    return BackupJobFilter(
        now_us=now_us,
        state=state,
        vault_name=text_or_none(params, "ByBackupVaultName"),
        resource_arn=text_or_none(params, "ByResourceArn"),
        resource_type=text_or_none(params, "ByResourceType"),
        created_after=number_or_none(params, "ByCreatedAfter"),
        created_before=number_or_none(params, "ByCreatedBefore"),
        finished_after=number_or_none(params, "ByCompleteAfter"),
        finished_before=number_or_none(params, "ByCompleteBefore"),
    )
