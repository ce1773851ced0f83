"""What a filled vault holds: which names, in how many versions, in which recovery points, in how many chunks.

One source with several recovery points, as backups of a tree leave it: nearly all names came with the first, each later
point replaced two names of a hundred, some names came later, and the last point deleted some. Names are paths and
ascend with their numbers. A spread of names is *real*: the service itself wrote them, with frames in packs. All else is
rows of the same shape whose frames nobody made, so that a hundred million of them cost no disk beside the catalog.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

NEVER = 2**63 - 1
"""The to_seq of a row that nothing has ended."""

_CYCLE = 50
_DELETED, _LATER = 48, 49
"""Which names of each fifty are deleted by the last point, and which came after the first."""
_LARGE_EVERY = 100
_SPREAD = 2654435761


class Version(NamedTuple):
    """A row of objects to be: the name of that number, as the job with seq `from_seq` wrote it."""

    number: int
    from_seq: int
    to_seq: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes in rows, met to within a hundredth."""

    objects: int
    chunks: int
    points: int = 10
    real_max: int = 5_000
    side_by_side: bool = False
    """Names that are chosen follow one another, as in a directory; else they lie anywhere."""

    def __post_init__(self) -> None:
        if not self.objects <= self.chunks or self.objects < 1000 or not 2 <= self.points <= _DELETED:
            raise SystemExit(
                f"bench: {self.objects} objects with {self.chunks} chunks in {self.points} recovery points: there must"
                f" be 1000 objects or more, at least as many chunks, and 2 to {_DELETED} points"
            )

    @property
    def names(self) -> int:
        """How many names there are; some have two rows."""
        return self.objects * _CYCLE // (_CYCLE + self.points - 1)

    @property
    def stride(self) -> int:
        """Every so many names one is real. It has no factor in common with the cycle, so that all kinds occur."""
        stride = max(3, self.names // min(self.real_max, self.objects // 10)) | 1
        return stride + 2 if stride % 5 == 0 else stride

    def is_real(self, number: int) -> bool:
        """Whether the service itself wrote the name of that number."""
        return number % self.stride == 0

    def versions_of(self, seq: int) -> Iterator[Version]:
        """The rows that the job with this seq wrote, in order of names."""
        for start in range(0, self.names, _CYCLE):
            for place in range(_CYCLE) if seq == 1 else (seq - 2, _LATER):
                number = start + place
                if number >= self.names:
                    break
                if place == _LATER:
                    if seq == 2 + (number // _CYCLE) % (self.points - 1):
                        yield Version(number, seq, NEVER)
                elif seq == 1:
                    yield Version(number, 1, self._end_of_first(place))
                else:
                    yield Version(number, seq, NEVER)

    def deleted_by(self, seq: int) -> range:
        """Numbers of the names that the job with this seq deletes."""
        return range(_DELETED, self.names, _CYCLE) if seq == self.points else range(0)

    def chunks_of(self, row: int) -> int:
        """How many chunks the row with that ordinal among those that are not real has: one of a hundred has many."""
        return 1 if row % _LARGE_EVERY else 1 + (self.chunks - self.objects) // self._large

    @property
    def _large(self) -> int:
        return (self.objects - self.objects // self.stride) // _LARGE_EVERY

    def name(self, number: int) -> str:
        """The path of that number; they ascend in the order of their bytes."""
        return (
            f"srv/projects/department-{number // 100_000:04}/year-{number // 10_000 % 10:02}"
            f"/case-{number // 100 % 100:02}/documents/page-{number // 10 % 10}/scan-{number:09}.tiff"
        )

    def some(self, count: int, turn: int = 0) -> list[int]:
        """Numbers of names in the newest point; another `turn` gives others."""
        stride = 1 if self.side_by_side else _SPREAD
        found: list[int] = []
        step = turn * 7919 + 1
        while len(found) < min(count, self.names // 2):
            number = step * stride % self.names
            if number % _CYCLE != _DELETED:
                found.append(number)
            step += 1
        return found

    def some_real(self, count: int, turn: int = 0) -> list[int]:
        """As `some`, of the real names only."""
        all_of_them = [n for n in range(0, self.names, self.stride) if n % _CYCLE != _DELETED]
        return [all_of_them[(turn + k) * _SPREAD % len(all_of_them)] for k in range(count)]

    def _end_of_first(self, place: int) -> int:
        if place < self.points - 1:
            return place + 2
        return self.points if place == _DELETED else NEVER
