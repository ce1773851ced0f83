"""The states of backup and restore jobs and the steps between them."""

from enum import Enum


class BackupJobState(Enum):
    """RUNNING is the one state that can be written to; a job moves once to one of the last three."""

    RUNNING = "RUNNING"
    COMMITTING = "COMMITTING"
    COMPLETED = "COMPLETED"
    ABORTED = "ABORTED"
    EXPIRED = "EXPIRED"

    @property
    def is_live(self) -> bool:
        """Whether the job still holds its series."""
        return self in (BackupJobState.RUNNING, BackupJobState.COMMITTING)

    @property
    def wire(self) -> str:
        """AWS Backup's name for it, which knows no COMMITTING."""
        return "RUNNING" if self is BackupJobState.COMMITTING else self.value


class RestoreJobState(Enum):
    """A restore job reads while it is RUNNING; it ends by its caller's word or with its lease."""

    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    ABORTED = "ABORTED"
    FAILED = "FAILED"
