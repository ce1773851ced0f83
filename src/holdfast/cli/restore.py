"""`holdfast restore`: a recovery point, or parts of it, into a directory."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from holdfast.cli.passphrase import PassphraseFile


def restore(
    *paths: str,
    source: str,
    to: str,
    point: str = "latest",
    vault: str | None = None,
    store: Path | None = None,
    passphrase_file: PassphraseFile = None,
    numeric_owner: Annotated[bool, Parameter(name="--numeric-owner", negative=())] = False,
    batch: Annotated[bool, Parameter(name="--batch", negative="--no-batch")] = True,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative=())] = False,
    json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Restore a recovery point of a source, whole or in part.

    Every chunk is verified. Each file takes its place only when it is whole; existing files of the same name are
    replaced, others stay. Nothing is ever written outside --to. Owners are restored when run as root. A directory --to
    that is there already keeps its own attributes; what a target does not take of others is named.

    Examples:

        holdfast restore --source web1-etc --to /tmp/etc

        holdfast restore --source web1-etc --to / --point arn:aws:backup:... nginx/nginx.conf ssl

    Parameters
    ----------
    paths
        Restore only these files and directories: relative to the source, as 'holdfast ls' prints them, or absolute.
        Patterns ('*.conf', 'etc/*.d') work as for 'holdfast backup --exclude'. By default all of it. A path that is not
        there is named, the rest is restored, and the exit code is 1.
    source
        The name of the source, as 'holdfast points' shows it.
    to
        The directory to restore into; it is made if it does not exist.
    point
        The ARN of a recovery point; 'latest', the one that was committed last; or a time such as 2026-12-01 or
        2026-12-01T10:30, the latest one that had been made by then (by the end of that day).
    vault
        Look in this vault only. By default in all.
    store
        Open the store in this directory inside this process, instead of using an endpoint.
    numeric_owner
        Give files to the user and group of the recorded numbers. By default to those of the recorded names, where they
        exist here.
    batch
        Fetch many small files in one request.
    quiet
        Show no progress.
    json
        Print the result as one JSON object.
    """
    from holdfast.agent import restore as agent
    from holdfast.agent.points import choose
    from holdfast.agent.progress import restore_line, shown
    from holdfast.agent.report import RestoreReport, Tally
    from holdfast.app.connect import connect
    from holdfast.cli.ahead import warn_of_points_ahead
    from holdfast.cli.run_result import print_restore, stopped
    from holdfast.model.clock import SystemClock
    from holdfast.model.errors import HoldfastError

    tally = Tally(RestoreReport())
    with connect(store, os.environ, passphrase_file) as connection:
        api = connection.api
        try:
            chosen = choose(api, source, point, vault)
            warn_of_points_ahead([chosen])
            plan = agent.Plan(chosen.recovery_point_arn, to, paths, batch, numeric_owner)
            with shown("restore", lambda: restore_line(tally.report), quiet=quiet or json):
                agent.restore(api, plan, tally, SystemClock())
        except (HoldfastError, KeyboardInterrupt) as error:
            return stopped(tally.report, error, json=json)
    return print_restore(tally.report, source, json=json)
