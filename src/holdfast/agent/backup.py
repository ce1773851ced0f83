"""A backup from beginning to end: compare, send what differs, delete what is gone, commit.

What always holds: the recovery point is committed only after every object was acknowledged; an error of the service
ends the run and leaves its job, so that the next run takes up where this one stopped; memory does not grow with the
tree.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from holdfast.agent import cut
from holdfast.agent.compare import Known, Verdict, compare
from holdfast.agent.crew import ByteBudget, Crew
from holdfast.agent.exchange import Batched, Exchange, OneByOne, listing
from holdfast.agent.exclude import is_kind
from holdfast.agent.job import Job, claim, give_up, unfinished
from holdfast.agent.owners import owner_names
from holdfast.agent.read_file import Vanished
from holdfast.agent.replacement import require_same_tree
from holdfast.agent.report import BackupReport, Tally
from holdfast.agent.root import Top, top_object
from holdfast.agent.scan import Entry, Event, Ignored, Options, Unseen
from holdfast.agent.source import Source, open_source
from holdfast.agent.upload_large import LargeFiles
from holdfast.agent.upload_small import Names, SmallFiles, Unit, is_large
from holdfast.agent.xattrs import MetadataBlob
from holdfast.client.api import Api
from holdfast.model.clock import Clock
from holdfast.model.errors import DiskFull, InvalidState
from holdfast.model.limits import MIB

BYTES_IN_FLIGHT_MAX = 64 * MIB


@dataclass(frozen=True, slots=True)
class Plan:
    """What to back up, under which name, and how. Thread counts are of requests under way at once."""

    path: str
    source: str
    vault: str = "default"
    scan: Options = field(default_factory=Options)
    new_root: bool = False
    """Whether this may take the place of another directory (agent.replacement)."""
    allow_empty: bool = False
    batches: bool = True
    small_threads: int = 3
    file_threads: int = 3
    chunk_threads: int = 4


def back_up(api: Api, plan: Plan, tally: Tally[BackupReport], clock: Clock) -> None:
    """Carry out `plan`, counting in `tally`. Raises errors of model/errors; the job is then left to be resumed.

    Except where the store has no room: a job that cannot be finished would hold what the others need, so it is stopped
    (docs/adr/0065).
    """
    try:
        _back_up(api, plan, tally, clock)
    except DiskFull as full:
        report = tally.report
        report.given_up = bool(report.job_id) and give_up(api, report.job_id)
        others = unfinished(api)
        raise DiskFull(f"{full.message}; {others}" if others else full.message) from full


def _back_up(api: Api, plan: Plan, tally: Tally[BackupReport], clock: Clock) -> None:
    began_us = clock.now_us()
    cut.check_compiled()
    report = tally.report
    report.source, report.vault = plan.source, plan.vault
    opened = open_source(plan.path)
    opened.require_outside(plan.scan.skip)
    may_be_empty = plan.allow_empty and opened.leaf is None
    events = (opened.events if may_be_empty else opened.contents)(plan.scan)
    job = claim(api, plan.vault, plan.source)
    known = top_object(api, job.id)
    if job.base is not None and not plan.new_root:
        _require_same_tree(api, plan, opened, job, known, tally)
    report.job_id, report.resumed, report.base_recovery_point_arn = job.id, job.resumed, job.base
    _Run(api, plan, opened, job, tally, clock, known).send(events)
    committed = api.commit_backup_job(job.id, drop_open_uploads=True)
    report.recovery_point_arn = committed.recovery_point_arn
    report.objects_total, report.bytes_total = committed.object_count, committed.bytes
    report.excludes_unused = plan.scan.exclusion.unused()
    for pattern in report.excludes_unused:
        if not is_kind(pattern):
            tally.warn(f"--exclude {pattern!r} matched nothing")
    report.seconds = (clock.now_us() - began_us) / 1e6


def _require_same_tree(
    api: Api, plan: Plan, source: Source, job: Job, known: Top | None, tally: Tally[BackupReport]
) -> None:
    try:
        root = None if known is None else known.root
        require_same_tree(api, job.id, source, root, lambda: source.events(plan.scan), tally.warn)
    except InvalidState:
        if not job.resumed:
            give_up(api, job.id)
        raise


class _Run:
    def __init__(
        self,
        api: Api,
        plan: Plan,
        source: Source,
        job: Job,
        tally: Tally[BackupReport],
        clock: Clock,
        known: Top | None,
    ) -> None:
        self._api = api
        self._plan = plan
        self._job = job
        self._tally = tally
        self._about = MetadataBlob(cut=cut.PARAMETERS, root=source.root)
        self._owners: set[tuple[int, int]] = set()
        self._top: tuple[Entry, Verdict] | None = None
        self._before = MetadataBlob() if known is None else known.about
        self._kept = False
        exchange: Exchange = Batched(api) if plan.batches else OneByOne(api)
        self._unit = Unit()
        self._names = Names()
        self._chunk_crew = Crew("chunk", plan.chunk_threads, plan.chunk_threads)
        self._file_crew = Crew("file", plan.file_threads, plan.file_threads)
        self._small_crew = Crew("small", plan.small_threads, 2)
        self._small = SmallFiles(exchange, job.id, tally, clock, self._hand_out_large, self._about)
        self._large = LargeFiles(
            api,
            job.id,
            self._chunk_crew,
            ByteBudget(BYTES_IN_FLIGHT_MAX),
            tally,
            clock,
            self._about,
            ask_first=job.resumed or job.base is not None,
        )

    def send(self, events: Iterator[Event]) -> None:
        """Bring the job view to `events`; all of it durable on return."""
        crews = (self._chunk_crew, self._file_crew, self._small_crew)
        with self._chunk_crew, self._file_crew, self._small_crew:
            try:
                self._differences(events)
                self._flush_unit()
                self._flush_names()
                # Small units may still hand out a file that grew, so they come first.
                for crew in reversed(crews):
                    crew.drain()
            except BaseException as error:
                for crew in crews:
                    crew.fail(error)
                raise

    def _differences(self, events: Iterator[Event]) -> None:
        counts = _Counts(self._tally)
        for verdict, subject in compare(events, self._view()):
            if isinstance(subject, Entry):
                self._owners.add((subject.status.st_uid, subject.status.st_gid))
                if subject.is_top:
                    self._top = subject, verdict
                    continue
                counts.saw(subject, verdict is Verdict.SAME)
                if verdict is not Verdict.SAME:
                    self._changed(subject, verdict is Verdict.CHANGE)
            elif isinstance(subject, Unseen):
                self._kept |= verdict is Verdict.UNSEEN_KEPT
                self._tally.problem(subject.name, subject.reason, kept=verdict is Verdict.UNSEEN_KEPT)
                if not subject.subtree:
                    self._tally.add(others=1, objects_failed=1)
            elif isinstance(subject, Ignored):
                self._tally.add(sockets_ignored=1)
            elif self._names.add(subject):
                self._flush_names()
        if self._top is not None:
            self._send_top(*self._top, counts)
        counts.flush()

    def _view(self) -> Iterator[Known]:
        # What is damaged in the store counts as changed: sent once more, it is whole in every recovery point.
        for one in listing(self._api, self._job.id):
            yield one.name, None if one.damaged else one.metadata

    def _send_top(self, entry: Entry, verdict: Verdict, counts: "_Counts") -> None:
        """The top object comes last, when it is known what all owners are called. It is sent again if that changed."""
        before, about = self._before, self._about
        about.users, about.groups = owner_names(self._owners)
        if self._kept:  # files of owners that were not seen today stay in the recovery point
            about.users = dict(sorted((before.users | about.users).items()))
            about.groups = dict(sorted((before.groups | about.groups).items()))
        same = verdict is Verdict.SAME and _of_all(before) == _of_all(about)
        counts.saw(entry, same)
        if not same:
            self._changed(entry, verdict is not Verdict.ADD)

    def _changed(self, entry: Entry, known: bool) -> None:
        if is_large(entry):
            self._hand_out_large(entry, known)
        elif self._unit.add(entry, known):
            self._flush_unit()

    def _flush_unit(self) -> None:
        unit, self._unit = self._unit, Unit()
        if unit.entries:
            self._small_crew.submit(lambda: self._small.send(unit))

    def _flush_names(self) -> None:
        gathered, self._names = self._names, Names()
        if gathered.names:
            self._small_crew.submit(lambda: self._small.delete(gathered.names))

    def _hand_out_large(self, entry: Entry, known: bool) -> None:
        self._file_crew.submit(lambda: self._send_large(entry, known))

    def _send_large(self, entry: Entry, known: bool) -> None:
        try:
            unrest = self._large.upload(entry)
        except Vanished:
            self._tally.warn(f"{entry.name}: vanished before it could be read")
            self._tally.add(objects_vanished=1)
        except OSError as error:
            self._tally.problem(entry.name, error.strerror or str(error), kept=known)
            self._tally.add(objects_failed=1)
        else:
            self._tally.add(objects_sent=1, objects_new=not known)
            if unrest:
                self._tally.warn(
                    f"{entry.name}: changed while being read; stored as read, the next backup reads it again"
                )


def _of_all(blob: MetadataBlob) -> tuple[object, ...]:
    return blob.cut, blob.root, blob.users, blob.groups


class _Counts:
    """What was seen, added to the report every so often: a lock per file would cost more than the file."""

    def __init__(self, tally: Tally[BackupReport]) -> None:
        self._tally = tally
        self._kinds = dict.fromkeys("fdlpcb", 0)
        self._size = 0
        self._same = 0
        self._seen = 0

    def saw(self, entry: Entry, same: bool) -> None:
        self._kinds[entry.kind] += 1
        self._same += same
        if entry.kind == "f":
            self._size += entry.status.st_size
        self._seen += 1
        if self._seen >= 256:
            self.flush()

    def flush(self) -> None:
        kinds = self._kinds
        self._tally.add(
            files=kinds["f"],
            directories=kinds["d"],
            links=kinds["l"],
            others=kinds["p"] + kinds["c"] + kinds["b"],
            bytes_seen=self._size,
            objects_unchanged=self._same,
        )
        self._kinds = dict.fromkeys("fdlpcb", 0)
        self._size = self._same = self._seen = 0
