"""The life of a backup job as the agent sees it: take up the one an interrupted run left, or start another.

A source has one running job at most (the service sees to that). Its job view is all the memory that resuming needs.
"""

import uuid
from dataclasses import dataclass
from itertools import islice

from holdfast.client.api import Api
from holdfast.model.arn import ACCOUNT, resource_arn, source_name
from holdfast.model.errors import AlreadyExists, HoldfastError, InvalidState, NotFound

ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/holdfast"
"""AWS's operations demand a role; the service accepts any well-formed one."""
_RUNNING = "RUNNING"
_NAMED_MAX = 5


@dataclass(frozen=True, slots=True)
class Job:
    """A running backup job of ours; `base` is the recovery point that it starts from, or None."""

    id: str
    resumed: bool
    base: str | None


def claim(api: Api, vault: str, source: str) -> Job:
    """The running job of `source`, or a new one. Raises NotFound where there is no such vault."""
    running = _running(api, vault, source)
    resumed = running is not None
    if running is None:
        try:
            running = api.start_backup_job(
                vault, resource_arn(source), ROLE_ARN, idempotency_token=uuid.uuid4().hex
            ).backup_job_id
        except NotFound as missing:
            raise NotFound(
                f"there is no vault {vault!r}: 'holdfast vault create {vault}' makes it, 'holdfast vault list' shows"
                " those that are there"
            ) from missing
        except (AlreadyExists, InvalidState):
            running = _running(api, vault, source)
            if running is None:
                raise
            resumed = True
    return Job(running, resumed, api.get_incremental_base_backup(running))


def give_up(api: Api, job_id: str) -> bool:
    """Stops a job that is not to be taken up, so that it holds nothing; False if that failed too."""
    try:
        api.stop_backup_job(job_id)
    except HoldfastError:
        return False
    return True


def unfinished(api: Api) -> str:
    """The running jobs, which hold room until somebody ends them, and how that is done; nothing where there is none."""
    try:
        jobs = list(islice(api.list_backup_jobs(state=_RUNNING), _NAMED_MAX))
    except HoldfastError:
        return ""
    named = ", ".join(f"{job.backup_job_id} of {source_name(job.resource_arn or '')!r}" for job in jobs)
    return f"jobs that have not ended hold room too ({named}): `holdfast job stop JOB` those" if named else ""


def _running(api: Api, vault: str, source: str) -> str | None:
    for job in api.list_backup_jobs(resource_arn=resource_arn(source), state=_RUNNING, vault=vault):
        return job.backup_job_id
    return None
