"""Looks at a store that was opened again, and says what of the ledger it does not hold.

After `look`: every acknowledged vault and job is there, in a state that it may be in; every kept point is listed and no
other; every view that was read holds exactly the names and bytes that were acknowledged; and whatever was in doubt is
decided in the journal. What it finds wrong it tells, and goes on looking.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from holdfast.client.api import Api
from holdfast.model.arn import source_arn
from holdfast.model.errors import HoldfastError
from torture.beliefs import RUNNING, Job, Point, View
from torture.compare import compare
from torture.hand import Hand
from torture.journal import Journal
from torture.ledger import Ledger
from torture.lines import SeenJob, SeenObjects, SeenPoint, SeenVaults


@dataclass(slots=True)
class Checker:
    """Compares a store with a ledger. For a moment when nobody else acts on the store."""

    api: Api
    ledger: Ledger
    journal: Journal
    """Where decisions go; it must pass them on to `ledger`, as LedgerJournal does."""
    dice: random.Random
    wrong: list[str] = field(default_factory=list)
    """What was found: one line each, empty where the store is right."""
    objects: int = 0
    """Objects whose bytes were read and compared."""
    points: int = 0
    """Recovery points whose names were all compared."""

    def settle(self, hand: Hand) -> None:
        """Decide which jobs were started: a token that is used again gives the job that it started, or a new one."""
        for token, source in list(self.ledger.doubtful_starts.items()):
            with self._watched(f"starting a job of {source} again"):
                hand.start(source, token)

    def look(self, *, points_max: int, objects_max: int) -> None:
        """Look at everything that is listed, and read views and bytes.

        Views of running jobs are read, points that nobody looked at since they were made or that hold something in
        doubt, and up to `points_max` others; of each view the bytes of what is new or in doubt, and of up to
        `objects_max` other objects.
        """
        self._look_at_vaults()
        for job in [job for job in self.ledger.jobs.values() if RUNNING in job.states]:
            self._look_at_job(job, objects_max)
        kept = [point for source in self.ledger.sources() for point in self._look_at_list(source)]
        must = [point for point in kept if not point.view.looked_at or point.view.is_doubtful()]
        others = [point for point in kept if point not in must]
        for point in must + self.dice.sample(others, min(len(others), points_max)):
            self._look_at_point(point, objects_max)
        self.wrong += self.ledger.wrong
        self.ledger.wrong.clear()

    def _look_at_vaults(self) -> None:
        with self._watched("the vaults"):
            listed = {vault.backup_vault_name for vault in self.api.list_vaults()}
            for name in sorted(self.ledger.vaults - listed):
                self._tell(f"backup vault {name} was acknowledged and is gone")
            self.journal.write(SeenVaults(sorted(listed)))

    def _look_at_job(self, job: Job, objects_max: int) -> None:
        what = f"job {job.uid} of {job.source}"
        with self._watched(what):
            found = self.api.describe_backup_job(job.uid)
            if found.state not in job.states:
                self._tell(f"{what} is {found.state}, it may be {sorted(job.states)}")
                return
            self.journal.write(SeenJob(job.uid, found.state, found.recovery_point_arn))
            if found.state == RUNNING:
                self._compare(job.uid, job.view, job.uid, what, objects_max)

    def _look_at_list(self, source: str) -> list[Point]:
        with self._watched(f"the points of {source}"):
            found = self.api.list_recovery_points_by_resource(source_arn(source))
            listed = {point.recovery_point_arn for point in found}
            for point in [point for point in self.ledger.points.values() if point.source == source]:
                what = f"recovery point {point.arn} of {source}"
                there = point.arn in listed
                if point.there is None:
                    self.journal.write(SeenPoint(point.arn, there))
                elif point.there and not there:
                    self._tell(f"{what} was acknowledged and is gone")
                elif there and not point.there:
                    self._tell(f"{what} was deleted and is back")
                listed.discard(point.arn)
            for arn in sorted(listed):
                self._tell(f"recovery point {arn} of {source} is listed: nobody committed it, or it was deleted")
        return self.ledger.kept(source)

    def _look_at_point(self, point: Point, objects_max: int) -> None:
        what = f"recovery point {point.arn} of {point.source}"
        with self._watched(what):
            reader = self.api.start_restore_job(point.arn)
            self._compare(reader, point.view, point.arn, what, objects_max)
            self.api.complete_restore_job(reader)
            self.points += 1

    def _compare(self, reader: str, view: View, holder: str, what: str, objects_max: int) -> None:
        found = compare(self.api, reader, view, self.dice, objects_max)
        for trouble in found.wrong:
            self._tell(f"{what}: {trouble}")
        if not found.wrong:
            self.journal.write(SeenObjects(holder, found.decided))
        self.objects += found.objects

    def _tell(self, trouble: str) -> None:
        self.wrong.append(trouble)

    @contextmanager
    def _watched(self, what: str) -> Iterator[None]:
        """Whatever the service answers with an error is a finding: a check asks only for what must be there."""
        try:
            yield
        except HoldfastError as error:
            self._tell(f"{what}: {type(error).__name__}: {error.message}")
