"""What collecting garbage has come to, piece by piece."""

from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class Gain:
    """Of one step, or of many added up. All of it is durable."""

    swept_objects: int = 0
    """Rows of objects that nobody could see any more."""
    deleted_chunks: int = 0
    freed_bytes: int = 0
    """Of files that were removed."""
    removed_packs: int = 0
    compacted_packs: int = 0
    copied_bytes: int = 0
    """Of frames that compaction wrote anew."""
    damaged_frames: int = 0
    """Frames that compaction found damaged and left where they are."""

    def __add__(self, other: "Gain") -> "Gain":
        return Gain(*(mine + more for mine, more in zip(astuple(self), astuple(other), strict=True)))
