"""`holdfast backup`: a directory tree into a recovery point."""

import os
import socket
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from holdfast.cli.passphrase import PassphraseFile

_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def backup(
    path: str,
    /,
    *,
    source: str | None = None,
    vault: str = "default",
    store: Path | None = None,
    passphrase_file: PassphraseFile = None,
    exclude: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    exclude_caches: Annotated[bool, Parameter(negative=())] = False,
    one_file_system: Annotated[bool, Parameter(negative=())] = False,
    new_root: Annotated[bool, Parameter(negative=())] = False,
    allow_empty: Annotated[bool, Parameter(negative=())] = False,
    batch: Annotated[bool, Parameter(name="--batch", negative="--no-batch")] = True,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative=())] = False,
    json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Back up a directory (or a single file) as a new recovery point of its source.

    Only what changed since the last backup of the same source is read and sent; the recovery point is complete all the
    same. Where there is no store, it is made; what its keys need is said once. A run that was interrupted is taken up
    by the next one. Files that cannot be read are named, their older versions are kept, and the exit code is 3.

    Examples:

        holdfast backup /home

        holdfast backup /etc --source web1-etc --exclude '*.swp'

        holdfast backup ~/photos --store /mnt/usb/photos.holdfast

    Parameters
    ----------
    path
        What to back up. Symbolic links are stored as links; `link/` means the directory it points to.
    source
        The name of this series of recovery points. By default HOST:PATH.
    vault
        The vault to store into.
    store
        Open the store in this directory inside this process, instead of using an endpoint.
    exclude
        Leave out what matches this pattern, with all below it. Without '/' it is compared with names, with '/' with
        paths relative to PATH (or absolute, below PATH); '**/' stands for any directories; a trailing '/' restricts it
        to directories. One that matched nothing is named at the end, unless it is of a kind of names such as '*.swp'.
        May be given several times.
    exclude_caches
        Of directories that hold a CACHEDIR.TAG file, keep only that file.
    one_file_system
        Do not enter other file systems.
    new_root
        Let PATH take the place of another directory that --source has been so far. Without it that is refused, where
        hardly a name is the same.
    allow_empty
        Back up a PATH that holds nothing. Without it that is refused: it may not be mounted.
    batch
        Send many small files in one request. Without it, only the nine operations of AWS Backup Storage write objects.
    quiet
        Show no progress, and of a store just made only that its keys must be kept.
    json
        Print the result as one JSON object.
    """
    from holdfast.agent import backup as agent
    from holdfast.agent.exclude import Exclusion
    from holdfast.agent.progress import backup_line, shown
    from holdfast.agent.report import BackupReport, Tally
    from holdfast.agent.scan import Options
    from holdfast.agent.source import default_name, open_source
    from holdfast.app.connect import connect
    from holdfast.cli.output import UsageError, warn
    from holdfast.cli.run_result import print_backup, stopped
    from holdfast.model.clock import SystemClock
    from holdfast.model.errors import HoldfastError

    if source == "":
        raise UsageError("--source is '': give the source a name, or leave the option out for HOST:PATH")
    open_source(path)  # before a store is made for a misspelt path
    tally = Tally(BackupReport())
    with connect(store, os.environ, passphrase_file, make=True) as connection:
        tally.report.new_store = connection.made
        if connection.made and not json:
            for line in connection.made.advice[-1:] if quiet else connection.made.advice:
                warn(line)
        options = Options(
            Exclusion(exclude, os.path.abspath(path)), exclude_caches, one_file_system, _own_store(connection.store)
        )
        plan = agent.Plan(
            path, source or default_name(path, socket.gethostname()), vault, options, new_root, allow_empty, batch
        )
        try:
            with shown("backup", lambda: backup_line(tally.report), quiet=quiet or json):
                agent.back_up(connection.api, plan, tally, SystemClock())
        except (HoldfastError, KeyboardInterrupt) as error:
            return stopped(tally.report, error, json=json)
    return print_backup(tally.report, json=json)


def _own_store(opened: Path | None) -> frozenset[tuple[int, int]]:
    """The store written to, as far as it is known: a backup never enters it, or it would grow by what it reads.

    A service on this machine is taken to use the directory that `serve` uses by itself.
    """
    from holdfast.app.config import store_directory
    from holdfast.client.profile import resolve

    endpoint = resolve(os.environ).endpoint
    if opened is None and endpoint is not None and endpoint.hostname not in _THIS_MACHINE:
        return frozenset()
    try:
        status = (opened or store_directory(None, os.environ)).stat()
    except OSError:
        return frozenset()
    return frozenset({(status.st_dev, status.st_ino)})
