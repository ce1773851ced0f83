"""Goes through all frames of one pack, a few MiB at a time."""

from dataclasses import dataclass, field

from holdfast.catalog import frames
from holdfast.catalog.frames import StoredFrame
from holdfast.catalog.pack_checks import PackToCheck
from holdfast.model.limits import MIB
from holdfast.upkeep.checking import Checked, Checker

_FRAMES_PER_STEP = 500
STEP_BYTES_MAX = 4 * MIB


@dataclass(slots=True)
class PackWalk:
    """Where the check of a pack has come to. `begun_us` is when it began."""

    pack: PackToCheck
    begun_us: int
    after: tuple[int, int] = (0, 0)
    """Offset and chunk number of the frame that was checked last."""
    done: bool = False
    total: Checked = field(default_factory=Checked)

    def step(self, checker: Checker) -> Checked:
        """Checks the next frames; `done` says whether these were the last.

        Frames that are written into the pack meanwhile are met or not; those that leave it are checked by who moves
        them.
        """
        with checker.catalog.snapshot() as tx:
            page = frames.of_pack(tx, self.pack.pack_no, self.after, _FRAMES_PER_STEP)
        chosen: list[StoredFrame] = []
        size = 0
        for frame in page:
            if chosen and size + frame.frame_bytes > STEP_BYTES_MAX:
                break
            chosen.append(frame)
            size += frame.frame_bytes
        checked = checker.check(chosen) if chosen else Checked()
        # Only now: a step that raised is made again.
        if chosen:
            self.after = (chosen[-1].frame_offset, chosen[-1].chunk_no)
        self.done = len(chosen) == len(page) and len(page) < _FRAMES_PER_STEP
        self.total += checked
        return checked
