"""The word about recovery points whose times lie in the future."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.client.answers import RecoveryPoint


def warn_of_points_ahead(points: "Iterable[RecoveryPoint]") -> None:
    """One line on stderr where there are any: their dates mislead, their order does not."""
    from holdfast.agent.points import ahead_of
    from holdfast.cli.output import warn, when
    from holdfast.model.clock import SystemClock

    ahead = ahead_of(points, SystemClock().now_us())
    if ahead:
        latest = max(point.completion_date or point.creation_date or 0.0 for point in ahead)
        warn(
            f"{len(ahead)} recovery point{'s have' if len(ahead) > 1 else ' has'} a time in the future (up to"
            f" {when(latest)}): the clock was wrong when it was made, or is wrong now. Recovery points count in the"
            " order in which they were committed, whatever their times"
        )
