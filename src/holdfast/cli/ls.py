"""`holdfast ls`: what a recovery point holds."""

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from holdfast.cli.output import print_json_line, say
from holdfast.cli.passphrase import PassphraseFile

if TYPE_CHECKING:
    from holdfast.agent.exchange import Stored


def ls(
    *paths: str,
    source: str,
    point: str = "latest",
    vault: str | None = None,
    store: Path | None = None,
    passphrase_file: PassphraseFile = None,
    json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """List the files of a recovery point, like 'ls -l'.

    Names are shown as the store spells them: bytes that are not UTF-8, and control characters, as \\xHH.

    Examples:

        holdfast ls --source web1-etc

        holdfast ls --source web1-etc ssl --json

    Parameters
    ----------
    paths
        Only these files and directories with all below them: as this command prints them, relative to the source, or
        absolute. Patterns ('*.conf', 'etc/*.d') work as for 'holdfast backup --exclude'. A path that is not there is
        named, and the exit code is 1.
    source
        The name of the source, as 'holdfast points' shows it.
    point
        The ARN of a recovery point, 'latest', or a time: the latest one that had been made by then.
    vault
        Look in this vault only. By default in all.
    store
        Open the store in this directory inside this process, instead of using an endpoint.
    json
        Print one JSON object per line.
    """
    from holdfast.agent.points import choose
    from holdfast.agent.selection import Selection
    from holdfast.app.connect import connect
    from holdfast.cli.ahead import warn_of_points_ahead
    from holdfast.cli.output import DONE, FAILED, PARTLY, warn_missing

    with connect(store, os.environ, passphrase_file) as connection:
        api = connection.api
        chosen = choose(api, source, point, vault)
        warn_of_points_ahead([chosen])
        job_id = api.start_restore_job(chosen.recovery_point_arn)
        try:
            damaged = 0
            selection = Selection(api, job_id, paths)
            for stored in selection.objects():
                damaged += not _print(stored, json=json)
        finally:
            api.complete_restore_job(job_id)
    warn_missing(selection.missing, source)
    if selection.missing:
        return FAILED
    return PARTLY if damaged else DONE


def _print(stored: "Stored", *, json: bool) -> bool:
    """One line; whether the object's attributes could be read."""

    from holdfast.agent.attributes import parse
    from holdfast.cli.output import warn, when
    from holdfast.model.errors import InvalidInput

    try:
        found = parse(stored.metadata)
    except InvalidInput as unreadable:
        if json:
            print_json_line({"name": stored.name, "damaged": unreadable.message})
        else:
            say(f"{'damaged':10} {'-':>6} {'-':>6} {stored.size:>12} {'-':25}  {stored.name}")
        warn(f"{stored.name}: {unreadable.message}")
        return False
    if json:
        known = {} if found is None else {name: getattr(found, name) for name in ("kind", "mode", "uid", "gid")}
        times = {} if found is None else {"mtime_ns": found.mtime_ns}
        size = stored.size if found is None else found.size
        line = {"name": stored.name, **known, "size": size, **times, "stored": stored.size, "checksum": stored.summary}
        print_json_line(line)
    elif found is None:
        say(f"{'?' * 10} {'-':>6} {'-':>6} {stored.size:>12} {'-':25}  {stored.name}")
    else:
        mode, changed = stat.filemode(found.mode), when(found.mtime_ns / 1e9)
        say(f"{mode} {found.uid:>6} {found.gid:>6} {found.size:>12} {changed}  {stored.name}")
    return True
