"""Recovery points as people ask for them: by source, the latest one, or by ARN.

Their order is the order in which they were committed, never that of their times: a clock that was wrong for an hour
would else name the wrong one as the latest for years (docs/adr/0064). The service lists each vault in that order.
"""

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
    resource = None if source is None else resource_arn(source)
    vaults = [vault] if vault is not None else [one.backup_vault_name for one in api.list_vaults()]
    return merged([list(api.list_recovery_points_by_vault(name, resource_arn=resource)) for name in vaults])


def merged(vaults: Iterable[Sequence[RecoveryPoint]]) -> list[RecoveryPoint]:
    """The points of several vaults, each given newest first as the service lists it, in one order, oldest first.

    No two points of a vault change places. Between vaults only times can decide; a point whose time is later than that
    of one committed after it in the same vault counts as made when that one was.
    """
    dated: list[list[tuple[float, RecoveryPoint]]] = []
    for newest_first in vaults:
        latest = float("inf")
        points = []
        for point in newest_first:
            latest = min(latest, _time(point))
            points.append((latest, point))
        dated.append(points[::-1])
    return [point for _, point in heapq.merge(*dated, key=lambda one: one[0])]


def ahead_of(points: Iterable[RecoveryPoint], now_us: int) -> list[RecoveryPoint]:
    """Those whose times lie ahead of `now_us` by more than clocks differ: a clock was wrong then, or is now."""
    until = now_us / 1e6 + CLOCK_SKEW_SECONDS_MAX
    return [point for point in points if _time(point) > until]


def _time(point: RecoveryPoint) -> float:
    return point.completion_date or point.creation_date or 0.0


def choose(api: Api, source: str | None, point: str, vault: str | None) -> RecoveryPoint:
    """What `point` (an ARN, or 'latest': the one committed last) means for `source`.

    Raises NotFound, naming what there is.
    """
    points = [one for one in recovery_points(api, source, vault) if one.status in _WHOLE]
    if point != LATEST:
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
