"""`holdfast delete`: give up recovery points."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from holdfast.cli.output import say
from holdfast.cli.passphrase import PassphraseFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.client.answers import RecoveryPoint

_SHOWN_MAX = 20


def delete(
    points: Annotated[tuple[str, ...], Parameter(negative=())],
    /,
    *,
    vault: str | None = None,
    store: Annotated[Path | None, Parameter(metavar="DIR")] = None,
    passphrase_file: PassphraseFile = None,
    yes: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Delete recovery points. Others lose nothing by it; 'holdfast gc', or the running service, gives the space back.

    Examples:

        holdfast delete arn:aws:backup:local:000000000000:recovery-point:5a0e7b64-...

        holdfast delete --yes ARN ARN

    Parameters
    ----------
    points
        ARNs of recovery points, as 'holdfast points' shows them.
    vault
        The vault that holds them.
    store
        Open the store in this directory inside this process, instead of using an endpoint.
    yes
        Do not ask first. Where the answer is no, nothing is deleted, and the exit code is 0.
    json
        Print JSON.
    """
    from holdfast.agent.points import recovery_points
    from holdfast.app.connect import connect
    from holdfast.cli.output import DONE, print_json
    from holdfast.model.errors import NotFound

    with connect(store, os.environ, passphrase_file) as connection:
        there = {point.recovery_point_arn: point for point in recovery_points(connection.api, None, vault)}
        unknown = [arn for arn in points if arn not in there]
        if unknown:
            raise NotFound(
                f"there is no recovery point {unknown[0]}; nothing was deleted ('holdfast points' lists them)"
            )
        chosen = [there[arn] for arn in dict.fromkeys(points)]
        if not yes and not _confirmed(chosen):
            say("nothing was deleted")
            return DONE
        for point in chosen:
            connection.api.delete_recovery_point(point.backup_vault_name or vault or "", point.recovery_point_arn)
    if json:
        print_json({"Deleted": [point.recovery_point_arn for point in chosen]})
    else:
        say(f"deleted {len(chosen)} recovery point{'s' * (len(chosen) != 1)}")
    return DONE


def _confirmed(chosen: "Sequence[RecoveryPoint]") -> bool:
    """Whether somebody at the terminal says yes to deleting these. Raises UsageError where there is no terminal."""
    from holdfast.cli.output import UsageError, print_table, when
    from holdfast.model.arn import source_name

    if not sys.stdin.isatty():
        raise UsageError("deleting cannot be undone, and there is no terminal to ask at: say --yes")
    rows = [
        (when(point.creation_date), source_name(point.resource_arn or ""), point.recovery_point_arn) for point in chosen
    ]
    print_table(("CREATED", "SOURCE", "RECOVERY POINT"), rows[:_SHOWN_MAX])
    if len(rows) > _SHOWN_MAX:
        say(f"and {len(rows) - _SHOWN_MAX} more")
    try:
        return input("Delete for ever? Type yes: ").strip().lower() == "yes"
    except EOFError:
        say()
        return False
