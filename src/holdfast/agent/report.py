"""What a run did, counted while it runs: read by the progress display, printed at the end, encoded by `--json`.

Threads add under one lock, in whole batches, never per byte.
"""

from collections.abc import Sequence
from threading import Lock
from typing import Generic, TypeVar

import msgspec

PROBLEMS_NAMED_MAX = 10_000


class Problem(msgspec.Struct, frozen=True):
    """A file that could not be backed up or restored; `kept`: its older version stays in the recovery point."""

    path: str
    reason: str
    kept: bool = False


class BackupReport(msgspec.Struct):
    """The result of a backup. Bytes are contents, before compression.

    What was seen (`files`, `directories`, `links` and `others` together) was unchanged, sent (new, or else changed),
    failed (each is one of `problems`, which also name what could not be looked into) or vanished meanwhile.
    """

    source: str = ""
    vault: str = ""
    job_id: str = ""
    resumed: bool = False
    given_up: bool = False
    """Whether the job was stopped because the store has no room: `holdfast gc` then frees what it had sent."""
    base_recovery_point_arn: str | None = None
    recovery_point_arn: str | None = None
    objects_total: int = 0
    bytes_total: int = 0
    files: int = 0
    directories: int = 0
    links: int = 0
    others: int = 0
    sockets_ignored: int = 0
    objects_unchanged: int = 0
    objects_sent: int = 0
    objects_new: int = 0
    objects_failed: int = 0
    objects_vanished: int = 0
    objects_deleted: int = 0
    bytes_seen: int = 0
    bytes_read: int = 0
    bytes_sent: int = 0
    """Contents that travelled to the service."""
    bytes_skipped: int = 0
    """Contents of changed files that did not travel, because the service held those chunks already."""
    attributes_lost: int = 0
    """Files whose contents are there, but not all of their attributes; each is one of the problems, too."""
    problems_total: int = 0
    problems: list[Problem] = []
    warnings: list[str] = []
    new_store: object = None
    """What was said of the store, if this run made it (app.new_store)."""
    excludes_unused: list[str] = []
    """Patterns of --exclude, as they were given, that matched nothing."""
    seconds: float = 0.0


class RestoreReport(msgspec.Struct):
    """The result of a restore. `damaged_total` counts the problems where the store's bytes failed their check.

    `missing` are the paths asked for, as they were typed, that picked nothing.
    """

    recovery_point_arn: str = ""
    to: str = ""
    files: int = 0
    directories: int = 0
    links: int = 0
    hard_links: int = 0
    others: int = 0
    objects_done: int = 0
    bytes_written: int = 0
    missing: list[str] = []
    damaged_total: int = 0
    attributes_lost: int = 0
    """Files whose contents are there, but not all of their attributes; each is one of the problems, too."""
    problems_total: int = 0
    problems: list[Problem] = []
    warnings: list[str] = []
    seconds: float = 0.0


R = TypeVar("R", BackupReport, RestoreReport)


class Tally(Generic[R]):
    """A report that several threads add to."""

    def __init__(self, report: R) -> None:
        self.report: R = report
        self._lock = Lock()

    def add(self, **counts: int) -> None:
        """Add each count to the report's field of that name."""
        with self._lock:
            for field, count in counts.items():
                setattr(self.report, field, getattr(self.report, field) + count)

    def problem(self, path: str, reason: str, *, kept: bool = False) -> None:
        """Name a file that could not be handled."""
        with self._lock:
            self.report.problems_total += 1
            if len(self.report.problems) < PROBLEMS_NAMED_MAX:
                self.report.problems.append(Problem(path, reason, kept))

    def attributes(self, path: str, lost: Sequence[str]) -> None:
        """Name a file that was handled but for these attributes."""
        self.problem(path, f"its contents are there, but not all its attributes: {', '.join(lost)}")
        self.add(attributes_lost=1)

    def warn(self, text: str) -> None:
        """Say something that does not make the run fail."""
        with self._lock:
            if len(self.report.warnings) < PROBLEMS_NAMED_MAX:
                self.report.warnings.append(text)
