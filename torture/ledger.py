"""The one record of what a store acknowledged, and so of what it must hold: for every section that attacks one.

Every request is noted before it is sent and after it was answered, as lines that only grow (`journal`). A ledger is
a pure function of these lines: whoever has them up to some moment (a kill, a power cut, a crash state) can say what the
store must hold then. What was asked and never answered may have happened or not: until somebody looks (`check`), the
ledger holds both as possible. Looking after a crash decides it for good: a `Seen` line is as binding as an answer.

Rules for the writers of lines: one thread at a time acts on one object name of a job; starting, committing and
stopping jobs of one source, and deleting its points, is for one thread.
"""

from collections.abc import Iterable

from torture.beliefs import ABORTED, COMPLETED, RUNNING, Job, Point, Possible, Upload, View
from torture.lines import (
    Acked,
    Begun,
    Commit,
    Deed,
    Delete,
    Line,
    Make,
    Open,
    Rebuilding,
    Rebuilt,
    Refused,
    SeenJob,
    SeenObjects,
    SeenPoint,
    SeenVaults,
    Send,
    Set,
    Start,
    Stop,
)


class Ledger:
    """What the store must hold after the lines that were applied. Not for two threads at once."""

    def __init__(self, lines: Iterable[Line] = ()) -> None:
        self.vaults: set[str] = set()
        self.jobs: dict[str, Job] = {}
        self.points: dict[str, Point] = {}
        self.doubtful_starts: dict[str, str] = {}
        """Source by idempotency token: jobs that may have been started; starting with the token again tells."""
        self.rebuilding = False
        """The catalog is being made anew: until that is done there may be none."""
        self.acknowledged = 0
        """Requests answered with success."""
        self.wrong: list[str] = []
        """Answers that can never be right, whatever is in doubt."""
        self._orders = 0
        self._begun: dict[int, Deed] = {}
        self._before: dict[int, dict[str, Possible]] = {}
        self._completing: dict[int, Upload] = {}
        for line in lines:
            self.apply(line)

    def apply(self, line: Line) -> None:
        """Take the next line into account."""
        match line:
            case Begun(number, deed):
                self._begun[number] = deed
                self._begin(number, deed)
            case Acked(number, made, base):
                self.acknowledged += 1
                self._ack(self._begun.pop(number), made, base)
                self._before.pop(number, None)
                self._completing.pop(number, None)
            case Refused(number, surely_not):
                deed = self._begun.pop(number)
                before = self._before.pop(number, {})
                upload = self._completing.pop(number, None)
                if surely_not:
                    self._undo(deed, before, upload)
            case SeenVaults(vaults):
                self.vaults = set(vaults)
            case SeenJob(job, state, point):
                self._see_job(self.jobs[job], state, point)
            case SeenPoint(point, there):
                self.points[point].there = there
            case SeenObjects(holder, objects):
                view = self.jobs[holder].view if holder in self.jobs else self.points[holder].view
                for name, content in objects.items():
                    view.may_be(name, frozenset([content]))
                view.looked_at = True
                view.unread.clear()
            case Rebuilding() | Rebuilt():
                self._rebuild(line)

    def sources(self) -> list[str]:
        """Every source that a job or a point is known of, in order."""
        found = {job.source for job in self.jobs.values()} | {point.source for point in self.points.values()}
        return sorted(found)

    def running(self, source: str) -> Job | None:
        """The job of `source` that runs, or may run."""
        found = [job for job in self.jobs.values() if job.source == source and RUNNING in job.states]
        return found[-1] if found else None

    def kept(self, source: str) -> list[Point]:
        """Points of `source` that are surely there, oldest first."""
        found = [point for point in self.points.values() if point.source == source and point.there]
        return sorted(found, key=lambda point: point.order)

    def forget_ended(self) -> None:
        """Drop jobs that surely ended and points that are surely gone: a long run would grow without end.

        For moments when nobody acts. A point that was deleted is from here on as unknown as one that never was: it may
        still not be listed.
        """
        self._begun.clear()
        self._before.clear()
        self._completing.clear()
        self.jobs = {uid: job for uid, job in self.jobs.items() if RUNNING in job.states}
        self.points = {arn: point for arn, point in self.points.items() if point.there is not False}

    def _begin(self, number: int, deed: Deed) -> None:
        match deed:
            case Start(source, token):
                self.doubtful_starts[token] = source
            case Set(job, objects, upload):
                view = self.jobs[job].view
                found = self.jobs[job].uploads.pop(upload or "", None)
                if found is not None:
                    self._completing[number] = found
                self._before[number] = {name: view.possible(name) for name in objects}
                for name, content in objects.items():
                    view.may_be(name, view.possible(name) | {content})
            case Send(job, upload, index, piece):
                self._upload(job, upload).doubtful[index] = piece
            case Commit(job):
                self.jobs[job].states.add(COMPLETED)
                self.jobs[job].commit_begun = True
            case Stop(job):
                self.jobs[job].states.add(ABORTED)
            case Delete(point):
                if self.points[point].there:
                    self.points[point].there = None
            case Make() | Open():
                return  # a vault or an upload that nobody has heard of is nobody's

    def _ack(self, deed: Deed, made: str | None, base: str | None) -> None:
        match deed:
            case Make(vault):
                self.vaults.add(vault)
            case Start(source, token):
                assert made is not None
                self.doubtful_starts.pop(token, None)
                if made not in self.jobs:
                    self.jobs[made] = Job(made, source, self._base_view(source, base))
            case Set(job, objects):
                for name, content in objects.items():
                    self.jobs[job].view.may_be(name, frozenset([content]))
            case Open(job, name):
                assert made is not None
                self.jobs[job].uploads[made] = Upload(job, name)
            case Send(job, upload, index, piece):
                found = self._upload(job, upload)
                found.doubtful.pop(index, None)
                found.chunks[index] = piece
            case Commit(job):
                assert made is not None
                self._complete(self.jobs[job], made)
            case Stop(job):
                self.jobs[job].states = {ABORTED}
            case Delete(point):
                self.points[point].there = False

    def _undo(self, deed: Deed, before: dict[str, Possible], completing: Upload | None) -> None:
        match deed:
            case Start(_, token):
                self.doubtful_starts.pop(token, None)
            case Set(job, _, upload):
                for name, possible in before.items():
                    self.jobs[job].view.may_be(name, possible)
                if upload is not None and completing is not None:
                    self.jobs[job].uploads[upload] = completing
            case Send(job, upload, index):
                self._upload(job, upload).doubtful.pop(index, None)
            case _:
                # A refused commit, stop or deletion may have followed one whose answer was lost: it stays in doubt
                # until somebody looks.
                return

    def _rebuild(self, line: Rebuilding | Rebuilt) -> None:
        self.rebuilding = isinstance(line, Rebuilding)
        if not self.rebuilding:
            return
        for job in self.jobs.values():
            if job.commit_begun and job.states == {RUNNING} and job.point is not None:
                # Its manifest may be durable and whole though its transaction is not: nobody can tell that commit from
                # one that was answered, and nobody was told that it failed.
                self._complete(job, job.point)
                self.points[job.point].there = None
        self.jobs.clear()
        for point in self.points.values():
            point.view.looked_at = False

    def _see_job(self, job: Job, state: str, point: str | None) -> None:
        job.point = point
        if state == COMPLETED and point is not None:
            self._complete(job, point)
        else:
            job.states = {state}

    def _complete(self, job: Job, arn: str) -> None:
        job.states = {COMPLETED}
        job.uploads.clear()
        if arn not in self.points:
            self._orders += 1
            self.points[arn] = Point(arn, job.source, job.view, self._orders)

    def _upload(self, job: str, upload: str) -> Upload:
        """An upload as it is known; one that its job's end dropped is nobody's any more."""
        return self.jobs[job].uploads.get(upload) or Upload(job, "")

    def _base_view(self, source: str, base: str | None) -> View:
        newest_kept = max((point.order for point in self.kept(source)), default=-1)
        if base is None:
            if newest_kept >= 0:
                self.wrong.append(f"a job of {source} was started without a base although points are kept")
            return View()
        point = self.points.get(base)
        if point is None or point.there is False or point.order < newest_kept:
            self.wrong.append(f"a job of {source} was started on {base}, which is not its newest kept point")
            return View()
        return point.view.copy()
