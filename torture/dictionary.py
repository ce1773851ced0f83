"""The service as a dictionary: what a store must hold, in plain values that cannot forget or mix up anything.

Knows nothing of how the service works inside. It can be pickled, so that a process that is about to be killed can say
with every step what it believes.
"""

from dataclasses import dataclass, field
from typing import Any

from torture.content import Content, Piece

View = dict[str, Content]
Source = tuple[str, str]
"""Vault and source name."""


@dataclass(slots=True)
class Running:
    """A backup job that runs."""

    job: str
    arn: str
    """Of the point that its commit makes."""
    view: View
    started_us: int
    deleted: set[str] = field(default_factory=set)
    """Inherited names that it removed: to remove them again is no error."""
    uploads: dict[str, tuple[str, dict[int, Piece]]] = field(default_factory=dict)
    """Name and chunks of open uploads, by their ids."""
    stray_uploads: bool = False
    """Whether uploads may be open that nobody knows the id of: they were begun when the service was killed."""


@dataclass(slots=True)
class Point:
    """A kept recovery point."""

    arn: str
    view: View
    shown: dict[str, Any] | None = None
    """Itself as lists show it; the first look at it fills this in, every later one must find the same."""
    reader: str | None = None
    """A restore job that reads it."""
    reader_us: int = 0
    """When that was started."""


@dataclass(slots=True)
class Series:
    """A source in a vault. Points in the order of their commits."""

    points: dict[str, Point] = field(default_factory=dict)
    running: Running | None = None

    def newest(self) -> View:
        """What the next job begins with."""
        return dict(next(reversed(self.points.values())).view) if self.points else {}


@dataclass(slots=True)
class Dictionary:
    """Everything."""

    series: dict[Source, Series]
    now_us: int
    damaged: dict[str, dict[Piece, bool]] = field(default_factory=dict)
    """Chunks by vault whose frame on disk was damaged: reading one may be an error. True once it was: then they must be
    stored anew when the same bytes are sent again."""
    sick_manifests: bool = False
    """Whether a frame of a manifest or a record may be damaged: a rebuild would miss it."""

    scars: set[str] = field(default_factory=set)
    """Packs that hold a damaged frame, made good elsewhere or not."""
    noticed: int = 0
    """Damaged chunks that were found by reading them, so far."""
    healed: int = 0
    """Those of them whose bytes were sent again."""

    def sent(self, vault: str, *pieces: Piece | None) -> None:
        """These bytes were sent and acknowledged: a frame known to be damaged is replaced."""
        for piece in pieces:
            if piece is not None and self.damaged.get(vault, {}).get(piece):
                del self.damaged[vault][piece]
                self.healed += 1

    def series_of(self, arn: str) -> Series | None:
        """The source that has that point."""
        return next((one for one in self.series.values() if arn in one.points), None)

    def all_points(self, vault: str) -> dict[str, Point]:
        """The kept points of a vault, by ARN."""
        return {arn: point for key, one in self.series.items() if key[0] == vault for arn, point in one.points.items()}
