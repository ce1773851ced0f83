"""`holdfast points`: which recovery points there are."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def points(
    source: str | None = None,
    /,
    *,
    vault: str | None = None,
    store: Path | None = None,
    json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """List recovery points, oldest first.

    Examples:

        holdfast points

        holdfast points web1-etc --json

    Parameters
    ----------
    source
        Only those of this source.
    vault
        Only those in this vault.
    store
        Run the service inside this process over the store in this directory, when no endpoint is configured.
    json
        Print one JSON object per line.
    """
    from holdfast.agent.points import recovery_points, time_text
    from holdfast.agent.progress import size_text
    from holdfast.app.connect import connect
    from holdfast.cli.run_result import print_json
    from holdfast.model.arn import source_name

    with connect(store, os.environ) as connection:
        for point in recovery_points(connection.api, source, vault):
            named = source_name(point.resource_arn or "")
            if json:
                print_json(
                    {
                        "source": named,
                        "vault": point.backup_vault_name,
                        "recovery_point_arn": point.recovery_point_arn,
                        "created": point.creation_date,
                        "bytes": point.size,
                        "status": point.status,
                    }
                )
            else:
                size = "-" if point.size is None else size_text(point.size)
                print(f"{time_text(point.creation_date)}  {size:>8}  {point.recovery_point_arn}  {named}")
    return 0
