"""A restore from beginning to end: list, make directories, write files in parallel, link, close directories.

What always holds: nothing is written outside the target; a file takes its place only whole and verified; memory does
not grow with the tree. Directories stay open to their owner alone until all that belongs below them is written.
"""

from dataclasses import dataclass

from holdfast.agent.attributes import Attributes
from holdfast.agent.crew import ByteBudget, Crew
from holdfast.agent.exchange import Batched, Exchange, OneByOne, Stored
from holdfast.agent.owners import Owners
from holdfast.agent.report import RestoreReport, Tally
from holdfast.agent.restore_attributes import AttributeWriter
from holdfast.agent.restore_directories import Directories
from holdfast.agent.restore_large import LargeRestores
from holdfast.agent.restore_links import Links, link
from holdfast.agent.restore_small import (
    SMALL_BYTES_MAX,
    UNIT_BYTES_MAX,
    UNIT_DIRECTORIES_MAX,
    UNIT_ENTRIES_MAX,
    SmallRestores,
    named,
)
from holdfast.agent.root import top_object
from holdfast.agent.selection import Selection
from holdfast.agent.target import Target
from holdfast.agent.wanted import Wanted, interpret
from holdfast.client.api import Api
from holdfast.model.clock import Clock
from holdfast.model.errors import InvalidInput
from holdfast.model.limits import MIB

BYTES_IN_FLIGHT_MAX = 64 * MIB
WAITING_MAX = 5000
"""So many directories or links may wait until everything before them is written."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to restore, and where. `paths` are relative to the source; none means all of it.

    With `numeric_owner`, owners keep their numbers; else they become the users of the same names, where there are any.
    """

    recovery_point_arn: str
    to: str
    paths: tuple[str, ...] = ()
    batches: bool = True
    numeric_owner: bool = False
    small_threads: int = 2
    file_threads: int = 3
    chunk_threads: int = 4


def restore(api: Api, plan: Plan, tally: Tally[RestoreReport], clock: Clock) -> None:
    """Carry out `plan`, counting in `tally`. Raises errors of model/errors; what is already written stays."""
    began_us = clock.now_us()
    report = tally.report
    report.recovery_point_arn, report.to = plan.recovery_point_arn, plan.to
    try:
        target = Target(plan.to)
    except OSError as error:
        raise InvalidInput(f"{plan.to!r} cannot be written to: {error.strerror}; name another directory") from error
    job_id = api.start_restore_job(plan.recovery_point_arn)
    top = None if plan.numeric_owner else top_object(api, job_id)
    owners = Owners({}, {}) if top is None else Owners(top.about.users, top.about.groups)
    _Run(api, plan, job_id, target, owners, tally, clock).write()
    api.complete_restore_job(job_id)
    report.seconds = (clock.now_us() - began_us) / 1e6


class _Run:
    def __init__(
        self,
        api: Api,
        plan: Plan,
        job_id: str,
        target: Target,
        owners: Owners,
        tally: Tally[RestoreReport],
        clock: Clock,
    ) -> None:
        self._api = api
        self._plan = plan
        self._job_id = job_id
        self._target = target
        self._tally = tally
        self._clock = clock
        self._links = Links()
        self._later: list[Wanted] = []
        self._chunk_crew = Crew("chunk", plan.chunk_threads, plan.chunk_threads)
        self._file_crew = Crew("file", plan.file_threads, plan.file_threads)
        self._small_crew = Crew("small", plan.small_threads, 2)
        exchange: Exchange = Batched(api) if plan.batches else OneByOne(api)
        self._attributes = AttributeWriter(owners, tally)
        self._small = SmallRestores(exchange, job_id, self._links, self._attributes, tally)
        self._units = _Units(self._small, self._small_crew)
        budget = ByteBudget(BYTES_IN_FLIGHT_MAX)
        self._large = LargeRestores(api, job_id, self._chunk_crew, budget, self._links, self._attributes, tally)
        self._directories = Directories(api, job_id, target, self._attributes, tally, self._units.add)

    def write(self) -> None:
        """Everything selected is written, or named in the report, on return."""
        crews = (self._chunk_crew, self._file_crew, self._small_crew)
        selection = Selection(self._api, self._job_id, self._plan.paths)
        self._tally.report.missing = selection.missing
        with self._chunk_crew, self._file_crew, self._small_crew:
            try:
                for stored in selection.objects():
                    self._place(stored)
                    if max(self._directories.waiting, len(self._later)) >= WAITING_MAX:
                        self._settle(stored.name)
                self._settle(None)
            except BaseException as error:
                for crew in crews:
                    crew.fail(error)
                raise

    def _place(self, stored: Stored) -> None:
        try:
            attributes, foreign, parts = interpret(stored, self._clock.now_us())
        except InvalidInput as unusable:
            self._tally.problem(stored.name, unusable.message)
            return
        named(self._tally, stored.name, lambda: self._hand_out(stored, attributes, foreign, parts))

    def _hand_out(self, stored: Stored, attributes: Attributes, foreign: bool, parts: tuple[bytes, ...]) -> None:
        if attributes.kind == "d":
            self._directories.place(stored, attributes, parts)
            self._tally.add(directories=1)
            return
        directory = self._directories.reach(parts[:-1], foreign=foreign)
        one = Wanted(stored, attributes, foreign, directory, parts[-1])
        if self._links.is_later(one, parts):
            self._later.append(one)
        elif attributes.kind == "f" and stored.size > SMALL_BYTES_MAX:
            self._file_crew.submit(lambda: named(self._tally, one.name, lambda: self._large.write(one)))
        else:
            self._units.add(one)

    def _settle(self, reached: str | None) -> None:
        """All handed out is written; then links are made, and directories that lie before `reached` are closed."""
        self._units.flush()
        self._small_crew.drain()
        self._file_crew.drain()
        later, self._later = self._later, []
        for one in later:
            self._link(one)
        self._directories.close(reached)

    def _link(self, one: Wanted) -> None:
        first = self._links.first(one)
        if first is not None:
            parts, identity = first
            try:
                directory = self._target.existing(parts[:-1])
            except OSError:
                directory = None
            if directory is not None and link(directory, parts[-1], identity, one):
                counter = {"f": "hard_links", "l": "links"}.get(one.attributes.kind, "others")
                self._tally.add(objects_done=1, **{counter: 1})
                return
        if one.stored.size > SMALL_BYTES_MAX:
            named(self._tally, one.name, lambda: self._large.write(one))
        else:
            self._small.write([one])


class _Units:
    """Hands out small objects a unit at a time."""

    def __init__(self, small: SmallRestores, crew: Crew) -> None:
        self._small = small
        self._crew = crew
        self._unit = _Unit()

    def add(self, one: Wanted) -> None:
        """Take `one` in."""
        if self._unit.add(one):
            self.flush()

    def flush(self) -> None:
        """Hand out what was taken in."""
        unit, self._unit = self._unit, _Unit()
        if unit.wanted:
            self._crew.submit(lambda: self._small.write(unit.wanted))


class _Unit:
    """Objects gathered until a batch is full."""

    __slots__ = ("directories", "size", "wanted")

    def __init__(self) -> None:
        self.wanted: list[Wanted] = []
        self.size = 0
        self.directories: set[int] = set()

    def add(self, one: Wanted) -> bool:
        """Take `one` in; True when the unit is full."""
        self.wanted.append(one)
        self.size += one.stored.size + one.stored.blob_bytes
        self.directories.add(one.directory.fd)
        return (
            self.size >= UNIT_BYTES_MAX
            or len(self.wanted) >= UNIT_ENTRIES_MAX
            or len(self.directories) >= UNIT_DIRECTORIES_MAX
        )
