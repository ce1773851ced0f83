"""What a move came to, counted while it is under way: read by whoever shows progress, printed at the end."""

from collections.abc import Callable
from dataclasses import dataclass, field

LISTED_MAX = 1000

Progress = Callable[[str, int, int], None]
"""`progress(what, done, total)`: how far the part of the work called `what` has come; `total` is 0 where unknown."""


@dataclass(frozen=True, slots=True)
class TableCopy:
    """What was copied of one table: how many rows, and the SHA-256 of all of them in the order of their keys."""

    rows: int
    sha256: str


@dataclass(slots=True)
class MoveReport:
    """The result of a move. Bytes are those of blobs, as they lie there."""

    source: str = ""
    target: str = ""
    move: str = ""
    """The name of this move: 16 hexadecimal digits."""
    was_finished: bool = False
    """All had been done before, but perhaps for the last step."""
    packs: int = 0
    pack_bytes: int = 0
    parities: int = 0
    key_records: int = 0
    copied_blobs: int = 0
    """In this run; others had been copied by an earlier one."""
    copied_bytes: int = 0
    verified_blobs: int = 0
    verified_bytes: int = 0
    rows: int = 0
    tables: dict[str, TableCopy] = field(default_factory=dict)
    manifests: int = 0
    """Parts of manifests that were opened at the target."""
    frames: int = 0
    """Frames that were decrypted and hashed at the target, where that was asked for."""
    damaged_total: int = 0
    """What cannot be read at the source either, and so is as damaged at the target."""
    damaged: list[str] = field(default_factory=list)
    frozen_seconds: float = 0.0
    """How long this run kept the source from taking changes before the target could."""
    seconds: float = 0.0
    source_takes_changes: bool = False

    def add_damaged(self, what: str) -> None:
        """Something that was damaged before the move."""
        self.damaged_total += 1
        if len(self.damaged) < LISTED_MAX:
            self.damaged.append(what)
