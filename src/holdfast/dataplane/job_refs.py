"""Jobs as the data plane refers to them: the view of a running job, and the vault that its chunks go into."""

from functools import lru_cache

from holdfast.catalog import backup_jobs
from holdfast.catalog.backup_jobs import BackupJobRow
from holdfast.catalog.objects import View
from holdfast.dataplane.intake import VaultRef
from holdfast.dataplane.store import Store
from holdfast.model.errors import NotFound


def own_view(job: BackupJobRow) -> View:
    """The base of a running backup job, less what it deleted, plus what it completed."""
    return View(series_no=job.series_no, seq=job.base_seq, own=job.seq, job_no=job.job_no)


def vault_of(store: Store, job_id: str) -> VaultRef:
    """The vault that a backup job writes to, whether or not the job still runs. Raises NotFound."""
    vault_no, vault_uid = _vault_numbers(store, job_id)
    return VaultRef(vault_no, store.keys.open(vault_uid))


@lru_cache(maxsize=4096)
def _vault_numbers(store: Store, job_id: str) -> tuple[int, bytes]:
    # A job never changes its vault, so that this may be remembered; an unknown job raises and is not.
    with store.catalog.snapshot() as tx:
        job = backup_jobs.find(tx, job_id)
    if job is None:
        raise NotFound(f"there is no backup job {job_id[:80]!r}: start one with StartBackupJob")
    return job.vault_no, job.vault_uid
