"""StartBackupJob, DescribeBackupJob, StopBackupJob, and GetIncrementalBaseBackup of our own model.

A backup job is the one thing that writes: one at a time for a source in a vault, on the newest recovery point that is
kept. It runs until it is committed, stopped, or left untouched for its lease.
"""

from dataclasses import dataclass

from holdfast.access.authenticate import Caller
from holdfast.catalog import backup_jobs, leases, recovery_points, vaults
from holdfast.catalog.backup_jobs import BackupJobRow, NewBackupJob
from holdfast.catalog.transaction import Tx
from holdfast.controlplane.backup_job_lists import shown, shown_state
from holdfast.controlplane.members import number_or_none, short_token_or_none, stored_json, text
from holdfast.controlplane.plane import Handler, Params, Plane, Result
from holdfast.model.arn import check_new_arn, recovery_point_arn
from holdfast.model.errors import InvalidInput, InvalidState
from holdfast.model.job import BackupJobState
from holdfast.model.limits import JOB_WINDOW_MINUTES_MAX
from holdfast.model.purpose import Purpose

_KEPT_MEMBERS = (
    "StartWindowMinutes",
    "CompleteWindowMinutes",
    "Lifecycle",
    "RecoveryPointTags",
    "BackupOptions",
    "Index",
)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A StartBackupJob whose members are checked."""

    vault_name: str
    resource_arn: str
    role_arn: str
    token: str | None
    lease_us: int
    options: str


class BackupJobs:
    """The operations on one backup job.

    StartWindowMinutes, Lifecycle, RecoveryPointTags, BackupOptions and Index are kept and shown where AWS Backup shows
    them; nothing is enforced of them yet. CompleteWindowMinutes is the job's lease: how long it may go untouched.
    """

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    def handlers(self) -> dict[str, Handler]:
        return {
            "StartBackupJob": self.start,
            "DescribeBackupJob": self.describe,
            "StopBackupJob": self.stop,
            "GetIncrementalBaseBackup": self.base,
        }

    def start(self, _: Caller, params: Params) -> Result:
        """A new running job, and the ARN of the recovery point that its commit will make.

        The same IdempotencyToken with the same members gives the same job, whatever became of it. Raises NotFound for
        an unknown vault; InvalidState if the token was used otherwise or a job of the source runs; InvalidInput.
        """
        wanted = self._wanted(params)
        uid = str(self._plane.new_uid())
        point_uid = str(self._plane.new_uid())
        now_us = self._plane.clock.now_us()

        def step(tx: Tx) -> BackupJobRow:
            vault = vaults.get(tx, wanted.vault_name)
            if wanted.token is not None:
                before = backup_jobs.find_by_token(tx, wanted.token)
                if before is not None:
                    return _started_before(before, vault.vault_no, wanted)
            _make_room(tx, vault.vault_no, wanted.resource_arn, now_us)
            job = NewBackupJob(
                uid=uid,
                point_uid=point_uid,
                vault_no=vault.vault_no,
                resource_arn=wanted.resource_arn,
                role_arn=wanted.role_arn,
                idempotency_token=wanted.token,
                options=wanted.options,
                now_us=now_us,
                lease_us=wanted.lease_us,
            )
            backup_jobs.start(tx, job)
            return leases.backup_job(tx, uid)

        job = self._plane.write(step)
        return {
            "BackupJobId": job.uid,
            "RecoveryPointArn": recovery_point_arn(job.point_uid),
            "CreationDate": job.created_us,
            "IsParent": False,
        }

    def describe(self, _: Caller, params: Params) -> Result:
        """One job. Raises NotFound."""
        now_us = self._plane.clock.now_us()
        with self._plane.catalog.snapshot() as tx:
            return shown(leases.backup_job(tx, text(params, "BackupJobId")), now_us)

    def stop(self, _: Caller, params: Params) -> Result:
        """Aborts a job; what it had uploaded is given up. Stopping an aborted job again changes nothing.

        A commit that is on its way is overtaken: it is refused when it comes to its end. Raises NotFound; InvalidState
        for a job that was committed or has expired.
        """
        job_id = text(params, "BackupJobId")
        now_us = self._plane.clock.now_us()

        def step(tx: Tx) -> int:
            job = leases.backup_job(tx, job_id)
            if job.state is BackupJobState.ABORTED:
                return job.vault_no
            state = shown_state(job, now_us)
            if state != "RUNNING":
                remedy = "; its recovery point can be deleted with DeleteRecoveryPoint" if state == "COMPLETED" else ""
                raise InvalidState(f"backup job {job.uid} is {state} and can no longer be stopped{remedy}")
            leases.abandon(tx, job, BackupJobState.ABORTED, "stopped by StopBackupJob", now_us)
            return job.vault_no

        # An aborted job may have got as far as a whole manifest, which must not be taken for a recovery point.
        self._plane.records.settle(self._plane.write(step, purpose=Purpose.FREE))
        return {}

    def base(self, _: Caller, params: Params) -> Result:
        """The ARN of the recovery point that the job builds on, or nothing for a first one. Raises NotFound.

        The ARN is told even if that recovery point was deleted since: its objects are in the job's view nevertheless.
        """
        with self._plane.catalog.snapshot() as tx:
            job = leases.backup_job(tx, text(params, "BackupJobId"))
            uid = recovery_points.find_uid(tx, job.series_no, job.base_seq)
        return {"RecoveryPointArn": recovery_point_arn(uid) if uid else None}

    def _wanted(self, params: Params) -> _Wanted:
        if params.get("LogicallyAirGappedBackupVaultArn") is not None:
            raise InvalidInput("LogicallyAirGappedBackupVaultArn is not supported: leave it out")
        minutes = number_or_none(params, "CompleteWindowMinutes")
        if minutes is not None and not 1 <= minutes <= JOB_WINDOW_MINUTES_MAX:
            raise InvalidInput(f"CompleteWindowMinutes is {minutes}: it must be 1 to {JOB_WINDOW_MINUTES_MAX}")
        seconds = self._plane.options.job_lease_seconds if minutes is None else minutes * 60
        return _Wanted(
            vault_name=text(params, "BackupVaultName"),
            resource_arn=check_new_arn(text(params, "ResourceArn"), "ResourceArn"),
            role_arn=check_new_arn(text(params, "IamRoleArn"), "IamRoleArn"),
            token=short_token_or_none(params, "IdempotencyToken"),
            lease_us=seconds * 1_000_000,
            options=stored_json(params, _KEPT_MEMBERS),
        )


def _started_before(job: BackupJobRow, vault_no: int, wanted: _Wanted) -> BackupJobRow:
    asked = (vault_no, wanted.resource_arn, wanted.role_arn, wanted.options)
    if asked != (job.vault_no, job.resource_arn, job.role_arn, job.options):
        raise InvalidState(
            f"IdempotencyToken was used before, for backup job {job.uid} with other parameters: use a new token"
            " for a new job"
        )
    return job


def _make_room(tx: Tx, vault_no: int, resource_arn: str, now_us: int) -> None:
    """Raises InvalidState if a job of the source runs; one whose lease is over makes way."""
    running = backup_jobs.find_running(tx, vault_no, resource_arn)
    if running is None or leases.expire_backup_job(tx, running.uid, now_us):
        return
    raise InvalidState(
        f"backup job {running.uid} of {resource_arn[:200]} runs in backup vault {running.vault_name!r}: commit it,"
        " stop it with StopBackupJob, or resume it"
    )
