"""Recovery points as people ask for them: by source, the latest one, or by ARN.

Their order is the order in which they were committed, never that of their times: a clock that was wrong for an hour
would else name the wrong one as the latest for years (docs/adr/0064). The service lists each vault in that order.
"""

import datetime
import heapq
from collections.abc import Iterable, Sequence

from holdfast.client.answers import RecoveryPoint
from holdfast.client.api import Api
from holdfast.model.arn import resource_arn, source_name
from holdfast.model.errors import NotFound
from holdfast.model.limits import CLOCK_SKEW_SECONDS_MAX

LATEST = "latest"
_WHOLE = (None, "COMPLETED", "AVAILABLE")
_SOURCES_NAMED_MAX = 10


def recovery_points(api: Api, source: str | None, vault: str | None) -> list[RecoveryPoint]:
    """The recovery points of `source` (None: of all), in `vault` (None: in all), those committed first first."""
    return merged(_by_vault(api, source, vault))


def _by_vault(api: Api, source: str | None, vault: str | None) -> list[list[RecoveryPoint]]:
    resource = None if source is None else resource_arn(source)
    vaults = [vault] if vault is not None else [one.backup_vault_name for one in api.list_vaults()]
    return [list(api.list_recovery_points_by_vault(name, resource_arn=resource)) for name in vaults]


def merged(vaults: Iterable[Sequence[RecoveryPoint]]) -> list[RecoveryPoint]:
    """The points of several vaults, each given newest first as the service lists it, in one order, oldest first.

    No two points of a vault change places. Between vaults only times can decide (see `_dated`).
    """
    return [point for _, point in heapq.merge(*map(_dated, vaults), key=lambda one: one[0])]


def as_of(vaults: Iterable[Sequence[RecoveryPoint]], until: float) -> RecoveryPoint | None:
    """The latest point that was made by `until` (seconds since 1970), of vaults given as to `merged`; None for none."""
    found = [point for made, point in heapq.merge(*map(_dated, vaults), key=lambda one: one[0]) if made <= until]
    return found[-1] if found else None


def _dated(newest_first: Sequence[RecoveryPoint]) -> list[tuple[float, RecoveryPoint]]:
    """Points of one vault, oldest first, with when they count as made.

    A point whose time is later than that of one committed after it counts as made when that one was.
    """
    latest = float("inf")
    points = []
    for point in newest_first:
        latest = min(latest, _time(point))
        points.append((latest, point))
    return points[::-1]


def moment(text: str) -> float | None:
    """The seconds since 1970 that `2026-12-01` (its end) or `2026-12-01T10:30` means, here if it names no zone.

    None for what is no time.
    """
    try:
        when = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    if len(text) <= len("2026-12-01"):
        when += datetime.timedelta(days=1, microseconds=-1)
    return when.timestamp()


def ahead_of(points: Iterable[RecoveryPoint], now_us: int) -> list[RecoveryPoint]:
    """Those whose times lie ahead of `now_us` by more than clocks differ: a clock was wrong then, or is now."""
    until = now_us / 1e6 + CLOCK_SKEW_SECONDS_MAX
    return [point for point in points if _time(point) > until]


def _time(point: RecoveryPoint) -> float:
    return point.completion_date or point.creation_date or 0.0


def choose(api: Api, source: str | None, point: str, vault: str | None) -> RecoveryPoint:
    """What `point` (an ARN, a time, or 'latest': the one committed last) means for `source`.

    A time means the latest point that had been made by then. Raises NotFound, naming what there is.
    """
    vaults = [[one for one in found if one.status in _WHOLE] for found in _by_vault(api, source, vault)]
    points = merged(vaults)
    until = moment(point)
    if until is not None and source is not None and points:
        chosen = as_of(vaults, until)
        if chosen is None:
            first = points[0]
            raise NotFound(
                f"source {source!r} has no recovery point from {point} or before; its first one is"
                f" {first.recovery_point_arn}"
            )
        return chosen
    if point != LATEST and until is None:
        for one in points:
            if one.recovery_point_arn == point:
                return one
        of = f" of source {source!r}" if source is not None else ""
        raise NotFound(f"there is no recovery point {point}{of}; 'holdfast points' lists them")
    if points:
        return points[-1]
    raise no_source(api, str(source), vault)


def no_source(api: Api, source: str, vault: str | None) -> NotFound:
    """The error for a source without recovery points; it names those that have some."""
    known = sorted({source_name(one.resource_arn or "") for one in recovery_points(api, None, vault)})
    named = ", ".join(repr(one) for one in known[:_SOURCES_NAMED_MAX]) or "none"
    more = f" and {len(known) - _SOURCES_NAMED_MAX} more" if len(known) > _SOURCES_NAMED_MAX else ""
    return NotFound(f"there is no recovery point of source {source!r}; sources with recovery points: {named}{more}")
