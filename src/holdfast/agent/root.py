"""Which path the names of a recovery point are relative to, as its top object says (agent.xattrs).

That object is the one called '/', or where a single file was backed up the only one. Recovery points of older versions,
and those of other clients, do not say it.
"""

from dataclasses import dataclass

from holdfast.agent import names, xattrs
from holdfast.client.api import Api
from holdfast.model.errors import CallerError, Damaged, Internal


@dataclass(frozen=True, slots=True)
class Root:
    """`path` is absolute, its components escaped; `single` is the name of the file where only one was backed up."""

    path: str
    single: str | None

    @property
    def told(self) -> str:
        """The directory or the single file, as people know it."""
        return self.path if self.single is None else f"{self.path.rstrip('/')}/{self.single}"


def recorded_root(api: Api, job_id: str) -> Root | None:
    """The root that the top object of a job's view records, or None where there is none, or it cannot be read."""
    top = api.scan_objects(job_id, prefix=names.ROOT, results_max=1).object_list
    single = not top or top[0].name != names.ROOT
    if single:
        top = api.scan_objects(job_id, results_max=2).object_list
    if len(top) != 1 or not top[0].metadata_blob_length or top[0].damaged:
        return None
    try:
        blob = api.get_object_metadata(job_id, top[0].object_token).metadata_blob
        root = None if blob is None else xattrs.decode(bytes(blob)).root
    except (CallerError, Damaged, Internal):  # another client's blob, no right to read it, or a lost pack
        return None
    return None if root is None else Root(root, top[0].name if single else None)
