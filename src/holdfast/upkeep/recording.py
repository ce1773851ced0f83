"""Tells the packs what is still to be told: records that a crash or a full disk left owed, and those to be dropped."""

from dataclasses import dataclass

from holdfast.records.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Recording:
    """Each step writes some owed records, or drops some of a vault that is deleted and holds nothing more."""

    recorder: Recorder

    def step(self, now_us: int) -> bool:  # noqa: ARG002 - no time is a reason to write; workers look alike
        """Without work nothing is written."""
        return self.recorder.settle() or self.recorder.forget_retired()
