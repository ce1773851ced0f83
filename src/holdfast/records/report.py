"""What came of making a catalog anew: what is there, and everything that could not be had, by name."""

from collections.abc import Callable
from dataclasses import dataclass, field

from holdfast.records.references import MissingChunk
from holdfast.records.walk import Trouble

LISTED_MAX = 1000

Progress = Callable[[str, int, int], None]
"""`progress(what, done, total)`: how far the part of the work called `what` has come."""


@dataclass(frozen=True, slots=True)
class LostPoint:
    """A recovery point that could not be had; nobody deleted it, or nobody can say that anybody did."""

    vault_name: str
    resource_arn: str
    seq: int
    point_uid: str | None
    """None where its manifest is missing: that there was one, others tell that were built on it."""
    reason: str


@dataclass(slots=True)
class RebuildReport:
    """Lists show up to a thousand entries each; the counts are of all."""

    vaults: int = 0
    recovery_points: int = 0
    packs: int = 0
    pack_bytes: int = 0
    missing_chunks: int = 0
    missing: list[MissingChunk] = field(default_factory=list)
    lost: list[LostPoint] = field(default_factory=list)
    troubles_total: int = 0
    troubles: list[Trouble] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)
    """Why nothing is collected until an administrator has looked."""

    @property
    def is_whole(self) -> bool:
        """Whether every recovery point is there with everything in it, as far as the packs can tell."""
        return not (self.missing_chunks or self.lost or self.holds)

    def add_missing(self, missing: list[MissingChunk]) -> None:
        """Chunks that no pack holds."""
        self.missing_chunks += len(missing)
        self.missing += missing[: LISTED_MAX - len(self.missing)]

    def add_trouble(self, trouble: Trouble) -> None:
        """Something in a pack that cannot be read."""
        self.troubles_total += 1
        if len(self.troubles) < LISTED_MAX:
            self.troubles.append(trouble)
