"""Recovery points as people ask for them: by source, the latest one, or by ARN."""

from collections.abc import Iterator

from holdfast.client.answers import RecoveryPoint
from holdfast.client.api import Api
from holdfast.model.arn import source_arn, source_name
from holdfast.model.errors import NotFound

LATEST = "latest"
_WHOLE = (None, "COMPLETED", "AVAILABLE")
_SOURCES_NAMED_MAX = 10


def recovery_points(api: Api, source: str | None, vault: str | None) -> list[RecoveryPoint]:
    """The recovery points of `source` (None: of all), in `vault` (None: in all), oldest first."""
    return sorted(_found(api, source, vault), key=lambda point: (point.creation_date or 0.0, point.recovery_point_arn))


def _found(api: Api, source: str | None, vault: str | None) -> Iterator[RecoveryPoint]:
    resource = None if source is None else source_arn(source)
    vaults = [vault] if vault is not None else [one.backup_vault_name for one in api.list_vaults()]
    for name in vaults:
        yield from api.list_recovery_points_by_vault(name, resource_arn=resource)


def choose(api: Api, source: str | None, point: str, vault: str | None) -> RecoveryPoint:
    """What `point` (an ARN or 'latest') means for `source`. Raises NotFound, naming what there is."""
    points = [one for one in recovery_points(api, source, vault) if one.status in _WHOLE]
    if point != LATEST:
        for one in points:
            if one.recovery_point_arn == point:
                return one
        of = f" of source {source!r}" if source is not None else ""
        raise NotFound(f"there is no recovery point {point}{of}; 'holdfast points' lists them")
    if points:
        return points[-1]
    known = sorted({source_name(one.resource_arn or "") for one in recovery_points(api, None, vault)})
    named = ", ".join(repr(one) for one in known[:_SOURCES_NAMED_MAX]) or "none"
    more = f" and {len(known) - _SOURCES_NAMED_MAX} more" if len(known) > _SOURCES_NAMED_MAX else ""
    raise NotFound(f"there is no recovery point of source {source!r}; sources with recovery points: {named}{more}")
