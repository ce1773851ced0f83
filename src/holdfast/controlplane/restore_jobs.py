"""StartRestoreJob, DescribeRestoreJob, ListRestoreJobs, and CompleteRestoreJob of our own model.

A restore job is a reader's handle on one recovery point. It restores nothing by itself: whoever reads the objects does.
It runs until its reader says that it is done, or leaves it untouched for its lease, or the recovery point is deleted.
"""

from holdfast.access.authenticate import Caller
from holdfast.catalog import backup_jobs, leases, recovery_points, restore_jobs
from holdfast.catalog.restore_jobs import NewRestoreJob, RestoreJobFilter, RestoreJobRow
from holdfast.catalog.transaction import Tx
from holdfast.controlplane import paging
from holdfast.controlplane.members import number_or_none, short_token_or_none, stored_json, text, text_or_none
from holdfast.controlplane.plane import Handler, Params, Plane, Result
from holdfast.controlplane.recovery_points import point_uid
from holdfast.model.arn import ACCOUNT, check_arn, check_new_arn, recovery_point_arn, resource_type, vault_arn
from holdfast.model.errors import InvalidState, NotFound
from holdfast.model.job import RestoreJobState
from holdfast.model.purpose import Purpose


class RestoreJobs:
    """The operations on restore jobs. Metadata is kept, as AWS Backup does; nothing is read from it."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    def handlers(self) -> dict[str, Handler]:
        return {
            "StartRestoreJob": self.start,
            "DescribeRestoreJob": self.describe,
            "ListRestoreJobs": self.list,
            "CompleteRestoreJob": self.complete,
        }

    def start(self, _: Caller, params: Params) -> Result:
        """A new handle on a recovery point; its RestoreJobId is the StorageJobId of the reading operations.

        The same IdempotencyToken with the same members gives the same job. Raises NotFound for a recovery point that is
        not there, InvalidState if the token was used otherwise, InvalidInput.
        """
        arn = check_arn(text(params, "RecoveryPointArn"), "RecoveryPointArn")
        role_arn = text_or_none(params, "IamRoleArn")
        if role_arn is not None:
            check_new_arn(role_arn, "IamRoleArn")
        kind = text_or_none(params, "ResourceType")
        metadata = stored_json(params, ("Metadata", "CopySourceTagsToRestoredResource"))
        token = short_token_or_none(params, "IdempotencyToken")
        uid = str(self._plane.new_uid())
        now_us = self._plane.clock.now_us()

        def step(tx: Tx) -> str:
            before = restore_jobs.find_by_token(tx, token) if token is not None else None
            if before is not None:
                asked = (arn, role_arn, kind, metadata)
                point_arn = recovery_point_arn(before.point_uid)
                if asked != (point_arn, before.role_arn, before.resource_type, before.metadata):
                    raise InvalidState(
                        f"IdempotencyToken was used before, for restore job {before.uid} with other parameters: use"
                        " a new token for a new job"
                    )
                return before.uid
            point = recovery_points.find(tx, point_uid(arn))
            if point is None:
                raise NotFound(
                    f"there is no recovery point {arn[:200]}: use one that ListRecoveryPointsByBackupVault or"
                    " ListRecoveryPointsByResource shows"
                )
            job = NewRestoreJob(
                uid=uid,
                point_no=point.point_no,
                point_uid=point.uid,
                role_arn=role_arn,
                resource_type=kind,
                metadata=metadata,
                idempotency_token=token,
                now_us=now_us,
                lease_us=self._plane.options.job_lease_seconds * 1_000_000,
            )
            restore_jobs.insert(tx, job)
            return uid

        return {"RestoreJobId": self._plane.write(step, purpose=Purpose.READ)}

    def describe(self, _: Caller, params: Params) -> Result:
        """One job. Raises NotFound."""
        now_us = self._plane.clock.now_us()
        with self._plane.catalog.snapshot() as tx:
            return _shown(_found(tx, text(params, "RestoreJobId")), now_us)

    def list(self, _: Caller, params: Params) -> Result:
        """Jobs that pass all filters, newest first, page by page; times are exclusive. Raises InvalidInput."""
        size = paging.page_size(params)
        before_no = paging.begin_below(self._plane.tokens, "ListRestoreJobs", params)
        chosen = RestoreJobFilter(
            now_us=self._plane.clock.now_us(),
            state=text_or_none(params, "ByStatus"),
            resource_type=text_or_none(params, "ByResourceType"),
            created_after=number_or_none(params, "ByCreatedAfter"),
            created_before=number_or_none(params, "ByCreatedBefore"),
            finished_after=number_or_none(params, "ByCompleteAfter"),
            finished_before=number_or_none(params, "ByCompleteBefore"),
        )
        # There is one account, no job has a parent and none comes from a testing plan.
        foreign = text_or_none(params, "ByAccountId") not in (None, ACCOUNT)
        if foreign or params.get("ByParentJobId") is not None or params.get("ByRestoreTestingPlanArn") is not None:
            return {"RestoreJobs": []}
        with self._plane.catalog.snapshot() as tx:
            rows, last = paging.cut(restore_jobs.page(tx, chosen, before_no, size + 1), size)
        token = paging.token_below(self._plane.tokens, "ListRestoreJobs", last.job_no) if last else None
        return {"RestoreJobs": [_shown(row, chosen.now_us) for row in rows], "NextToken": token}

    def complete(self, _: Caller, params: Params) -> Result:
        """The reader is done and gives its handle back; said again, it changes nothing.

        Raises NotFound; InvalidState for a job that failed, and for the id of a backup job.
        """
        job_id = text(params, "StorageJobId")
        now_us = self._plane.clock.now_us()

        def step(tx: Tx) -> None:
            if restore_jobs.find(tx, job_id) is None and backup_jobs.find(tx, job_id) is not None:
                raise InvalidState(f"{job_id} is a backup job: end it with CommitBackupJob or StopBackupJob")
            job = _found(tx, job_id)
            if job.state is RestoreJobState.FAILED:
                raise InvalidState(f"restore job {job.uid} is FAILED: {job.message}; start another")
            restore_jobs.move(tx, job.job_no, RestoreJobState.COMPLETED, None, now_us)

        self._plane.write(step, purpose=Purpose.READ)
        return {}


def _found(tx: Tx, job_id: str) -> RestoreJobRow:
    job = restore_jobs.find(tx, job_id)
    if job is None:
        raise NotFound(
            f"there is no restore job {job_id[:80]!r}: use an id that StartRestoreJob or ListRestoreJobs gives"
        )
    return job


def _shown(job: RestoreJobRow, now_us: int) -> dict[str, object]:
    unused = job.state is RestoreJobState.RUNNING and leases.is_over(job, now_us)
    state = RestoreJobState.COMPLETED if unused else job.state
    return {
        "AccountId": ACCOUNT,
        "RestoreJobId": job.uid,
        "RecoveryPointArn": recovery_point_arn(job.point_uid),
        "SourceResourceArn": job.resource_arn,
        "BackupVaultArn": vault_arn(job.vault_name),
        "CreationDate": job.created_us,
        "CompletionDate": job.finished_us,
        "Status": state.value,
        "StatusMessage": leases.UNUSED_MESSAGE if unused else job.message,
        "PercentDone": "100.00%" if state is RestoreJobState.COMPLETED else "0.00%",
        "BackupSizeInBytes": job.total_bytes,
        "IamRoleArn": job.role_arn,
        "ResourceType": job.resource_type or resource_type(job.resource_arn),
        "IsParent": False,
    }
