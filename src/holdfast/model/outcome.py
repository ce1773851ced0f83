"""What became of one step of a group that shared a transaction."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """The step's value, or the error that undid this step alone."""

    value: object = None
    error: BaseException | None = None
