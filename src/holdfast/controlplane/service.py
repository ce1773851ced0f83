"""The control plane whole: every operation under its wire name."""

from holdfast.controlplane.backup_job_lists import BackupJobLists
from holdfast.controlplane.backup_jobs import BackupJobs
from holdfast.controlplane.plane import Handler, Plane
from holdfast.controlplane.recovery_points import RecoveryPoints
from holdfast.controlplane.restore_jobs import RestoreJobs
from holdfast.controlplane.vaults import Vaults


class ControlPlane:
    """The operations on vaults, jobs and recovery points."""

    def __init__(self, plane: Plane) -> None:
        self.vaults = Vaults(plane)
        self._nouns = (self.vaults, BackupJobs(plane), BackupJobLists(plane), RestoreJobs(plane), RecoveryPoints(plane))

    def handlers(self) -> dict[str, Handler]:
        """Each takes the caller and the members of the request, and gives the members of the answer."""
        gathered: dict[str, Handler] = {}
        for noun in self._nouns:
            gathered |= noun.handlers()
        return gathered
