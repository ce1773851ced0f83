"""What a ledger believes of a store: views and what their names may stand for, uploads, jobs, points."""

from dataclasses import dataclass, field

from torture.content import Content, Piece

RUNNING, COMPLETED, ABORTED = "RUNNING", "COMPLETED", "ABORTED"
Possible = frozenset[Content | None]
"""What an object name may stand for; None: nothing is there."""
ABSENT: Possible = frozenset([None])


@dataclass(slots=True, eq=False)
class View:
    """Names and what each may stand for. A committed job's view is its point's: the very same one."""

    objects: dict[str, Possible] = field(default_factory=dict)
    looked_at: bool = False
    """Whether all its names were found right once, after a crash, since its last change."""
    unread: set[str] = field(default_factory=set)
    """Names that changed since then: their bytes are still to be read."""

    def possible(self, name: str) -> Possible:
        """What `name` may stand for."""
        return self.objects.get(name, ABSENT)

    def may_be(self, name: str, possible: Possible) -> None:
        """From now on `name` stands for one of these."""
        self.looked_at = False
        self.unread.add(name)
        if possible == ABSENT:
            self.objects.pop(name, None)
        else:
            self.objects[name] = possible

    def is_doubtful(self) -> bool:
        """Whether any name may stand for more than one thing."""
        return any(len(possible) > 1 for possible in self.objects.values())

    def copy(self) -> "View":
        """A view of its own that begins equal."""
        return View(dict(self.objects))


@dataclass(slots=True, eq=False)
class Upload:
    """An upload that was started: chunks that were acknowledged, and those nobody knows of."""

    job: str
    name: str
    chunks: dict[int, Piece] = field(default_factory=dict)
    doubtful: dict[int, Piece] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Job:
    """A backup job that was acknowledged."""

    uid: str
    source: str
    view: View
    states: set[str] = field(default_factory=lambda: {RUNNING})
    """One of these it is in."""
    commit_begun: bool = False
    """A commit was asked for: where it stopped halfway, the job takes nothing but another commit or a stop."""
    point: str | None = None
    """The ARN that its recovery point has or will have, once somebody looked."""
    uploads: dict[str, Upload] = field(default_factory=dict)

    def takes_objects(self) -> bool:
        """Whether it surely runs and surely takes objects."""
        return self.states == {RUNNING} and not self.commit_begun


@dataclass(slots=True, eq=False)
class Point:
    """A recovery point that was acknowledged or seen."""

    arn: str
    source: str
    view: View
    order: int
    """Of two points of one source the greater is the newer."""
    there: bool | None = True
    """None while a deletion of it is in doubt."""
