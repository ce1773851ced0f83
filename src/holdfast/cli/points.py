"""`holdfast points`: which recovery points there are."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from holdfast.cli.passphrase import PassphraseFile

if TYPE_CHECKING:
    from holdfast.client.answers import RecoveryPoint


def points(
    source: str | None = None,
    *,
    vault: str | None = None,
    store: Path | None = None,
    passphrase_file: PassphraseFile = None,
    json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """List recovery points in the order in which they were committed, the latest last.

    A source's last one is its latest, also where a clock was wrong and a time says otherwise.

    Examples:

        holdfast points

        holdfast points --source web1-etc --json

    Parameters
    ----------
    source
        Only those of this source: its name, or a whole ARN.
    vault
        Only those in this vault.
    store
        Open the store in this directory inside this process, instead of using an endpoint.
    json
        Print JSON.
    """
    from holdfast.agent.points import no_source, recovery_points
    from holdfast.app.connect import connect
    from holdfast.cli.ahead import warn_of_points_ahead
    from holdfast.cli.output import print_json, print_table, size, when
    from holdfast.model.arn import source_name

    with connect(store, os.environ, passphrase_file) as connection:
        found = recovery_points(connection.api, source, vault)
        if source is not None and not found:
            raise no_source(connection.api, source, vault)
    warn_of_points_ahead(found)
    if json:
        print_json([{"Source": source_name(point.resource_arn or ""), **_members(point)} for point in found])
        return 0
    rows = (
        (when(point.creation_date), size(point.size), source_name(point.resource_arn or ""), point.recovery_point_arn)
        for point in found
    )
    print_table(("CREATED", "SIZE", "SOURCE", "RECOVERY POINT"), rows)
    return 0


def _members(point: "RecoveryPoint") -> dict[str, object]:
    import msgspec

    members: dict[str, object] = msgspec.to_builtins(point)
    return members
