"""Which path the names of a recovery point are relative to, as its top object says (agent.xattrs).

That object is the one called '/', or where a single file was backed up the only one. Recovery points of older versions,
and those of other clients, do not say it.
"""

from dataclasses import dataclass

from holdfast.agent import names, xattrs
from holdfast.agent.xattrs import MetadataBlob
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


@dataclass(frozen=True, slots=True)
class Top:
    """The object that stands for the source itself, and what it says of the whole backup."""

    name: str
    about: MetadataBlob

    @property
    def root(self) -> Root | None:
        """The root that it records, or None where it is of an older version."""
        return (
            None if self.about.root is None else Root(self.about.root, None if self.name == names.ROOT else self.name)
        )


def recorded_root(api: Api, job_id: str) -> Root | None:
    """The root that the top object of a job's view records, or None where there is none, or it cannot be read."""
    top = top_object(api, job_id)
    return None if top is None else top.root


def top_object(api: Api, job_id: str) -> Top | None:
    """The top object of a job's view, or None where there is none, or it cannot be read."""
    found = api.scan_objects(job_id, prefix=names.ROOT, results_max=1).object_list
    if not found or found[0].name != names.ROOT:
        found = api.scan_objects(job_id, results_max=2).object_list
    if len(found) != 1 or not found[0].metadata_blob_length or found[0].damaged:
        return None
    try:
        blob = api.get_object_metadata(job_id, found[0].object_token).metadata_blob
        return None if blob is None else Top(found[0].name, xattrs.decode(bytes(blob)))
    except (CallerError, Damaged, Internal):  # another client's blob, no right to read it, or a lost pack
        return None
