"""StartObject: opens an upload."""

from collections.abc import Mapping

from holdfast.catalog import leases, objects
from holdfast.catalog.transaction import Tx
from holdfast.dataplane import handles
from holdfast.dataplane.duplicates import refuse_duplicate
from holdfast.dataplane.job_refs import own_view
from holdfast.dataplane.store import Store
from holdfast.model.names import check_object_name
from holdfast.model.purpose import Purpose


def start_object(store: Store, params: Mapping[str, object]) -> Mapping[str, object]:
    """Opens an upload of ObjectName. The name appears in the job's view when the upload is completed."""
    job_id = str(params["BackupJobId"])
    name = check_object_name(str(params["ObjectName"]))
    throw_on_duplicate = bool(params.get("ThrowOnDuplicate", False))
    now_us = store.clock.now_us()

    def step(tx: Tx, _: object) -> int:
        job = leases.require_running(tx, job_id, now_us)
        view = own_view(job)
        if throw_on_duplicate:
            refuse_duplicate(tx, store.keys.open(job.vault_uid), view, name)
        return objects.insert_upload(tx, view, name, throw_on_duplicate)

    object_no = store.commits.submit((), step, Purpose.ADD)
    return {"UploadId": handles.issue_upload(store.tokens, job_id, object_no)}
