"""`holdfast job`: backup jobs, running and ended."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from holdfast.app.connect import connect
from holdfast.cli.output import print_facts, print_json, print_table, say, size, when
from holdfast.cli.passphrase import PassphraseFile
from holdfast.client.answers import BackupJob
from holdfast.model.arn import resource_arn, source_name
from holdfast.model.errors import NotFound

app = App(name="job", help="List, show and stop backup jobs.")

Store = Annotated[Path | None, Parameter(metavar="DIR", help="Open the store in this directory inside this process.")]
Json = Annotated[bool, Parameter(name="--json", negative=(), help="Print JSON with AWS's own names.")]


@app.command(name="list")
def list_(
    *,
    vault: str | None = None,
    source: str | None = None,
    state: str | None = None,
    store: Store = None,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """List backup jobs, the latest first.

    Example:

        holdfast job list --state RUNNING

    Parameters
    ----------
    vault
        Only jobs into this vault.
    source
        Only jobs of this source: its name, or a ResourceArn.
    state
        Only jobs in this state: RUNNING, COMPLETED, ABORTED or EXPIRED.
    """
    resource = None if source is None else resource_arn(source)
    with connect(store, os.environ, passphrase_file) as connection:
        jobs = list(connection.api.list_backup_jobs(vault=vault, resource_arn=resource, state=state))
        if vault is not None and not jobs:
            connection.api.describe_vault(vault)  # raises NotFound where there is none
    if source is not None and not jobs:
        raise NotFound(f"there is no such job of source {source!r}; 'holdfast job list' without --source lists all")
    if as_json:
        print_json(jobs)
    else:
        print_table(("JOB", "STATE", "VAULT", "SOURCE", "STARTED"), [_row(job) for job in jobs])


@app.command
def show(job_id: str, /, *, store: Store = None, passphrase_file: PassphraseFile = None, as_json: Json = False) -> None:
    """Show one backup job.

    Example:

        holdfast job show 1D2FF9F5-7C0A-4A3E-9B0A-0C1D6E2F7A11

    Parameters
    ----------
    job_id
        The BackupJobId.
    """
    with connect(store, os.environ, passphrase_file) as connection:
        job = connection.api.describe_backup_job(job_id)
    if as_json:
        print_json(job)
    else:
        print_facts(_facts(job))


@app.command
def stop(job_id: str, /, *, store: Store = None, passphrase_file: PassphraseFile = None) -> None:
    """Stop a running backup job; what it had uploaded is given up.

    Example:

        holdfast job stop 1D2FF9F5-7C0A-4A3E-9B0A-0C1D6E2F7A11

    Parameters
    ----------
    job_id
        The BackupJobId.
    """
    with connect(store, os.environ, passphrase_file) as connection:
        connection.api.stop_backup_job(job_id)
    say(f"stopped job {job_id}")


def _row(job: BackupJob) -> tuple[object, ...]:
    source = None if job.resource_arn is None else source_name(job.resource_arn)
    return (job.backup_job_id, job.state, job.backup_vault_name, source, when(job.creation_date))


def _facts(job: BackupJob) -> tuple[tuple[str, object], ...]:
    return (
        ("job", job.backup_job_id),
        ("state", job.state),
        ("message", job.status_message),
        ("vault", job.backup_vault_name),
        ("source", None if job.resource_arn is None else source_name(job.resource_arn)),
        ("started", when(job.creation_date)),
        ("ended", when(job.completion_date)),
        ("size", size(job.backup_size_in_bytes)),
        ("transferred", size(job.bytes_transferred)),
        ("recovery point", job.recovery_point_arn),
    )
