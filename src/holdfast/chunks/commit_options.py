"""How group commit gathers; what an administrator may move."""

from dataclasses import dataclass

from holdfast.model.limits import MIB

GROUP_BYTES_MAX_DEFAULT = 32 * MIB
GROUP_CALLERS_MAX_DEFAULT = 1024
LANES_DEFAULT = 4


@dataclass(frozen=True, slots=True)
class CommitOptions:
    """A group ends when nobody else is waiting, or with the frame or caller that reaches a maximum."""

    group_bytes_max: int = GROUP_BYTES_MAX_DEFAULT
    group_callers_max: int = GROUP_CALLERS_MAX_DEFAULT
    window_seconds: float = 0.0
    """How long a group waits for company, if the group before had some; a lone caller never waits."""
    lanes: int = LANES_DEFAULT
    """Groups under way at the same time, where the catalog allows more than one."""
