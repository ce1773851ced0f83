"""DeleteObject and our own DeleteObjects: take names out of the job's view (contract 3.6)."""

from collections.abc import Mapping
from typing import cast

from holdfast.catalog import leases, objects
from holdfast.catalog.transaction import Tx
from holdfast.dataplane.checks import check_range
from holdfast.dataplane.job_refs import own_view
from holdfast.dataplane.store import Store
from holdfast.model.errors import NotFound
from holdfast.model.limits import BATCH_OBJECTS_MAX
from holdfast.model.names import check_object_name
from holdfast.model.purpose import Purpose


def delete_object(store: Store, params: Mapping[str, object]) -> Mapping[str, object]:
    """Removes ObjectName, inherited or new. Deleting again what this job deleted is no error; an unknown name is."""
    job_id = str(params["BackupJobId"])
    name = check_object_name(str(params["ObjectName"]))
    now_us = store.clock.now_us()

    def step(tx: Tx, _: object) -> None:
        view = own_view(leases.require_running(tx, job_id, now_us))
        if not objects.delete(tx, view, name):
            raise NotFound(
                f"the job's view holds no object {name!r}: ListObjects with this job's id shows what it holds"
            )

    store.commits.submit((), step, Purpose.ADD)
    return {}


def delete_objects(store: Store, params: Mapping[str, object]) -> Mapping[str, object]:
    """Removes ObjectNames, all in one transaction; names that the view does not hold are left out of Count."""
    job_id = str(params["BackupJobId"])
    names = [check_object_name(name) for name in cast(list[str], params["ObjectNames"])]
    check_range(len(names), 0, BATCH_OBJECTS_MAX, "the number of ObjectNames")
    now_us = store.clock.now_us()

    def step(tx: Tx, _: object) -> int:
        view = own_view(leases.require_running(tx, job_id, now_us))
        return sum(objects.delete(tx, view, name) for name in names)

    return {"Count": store.commits.submit((), step, Purpose.ADD)}
