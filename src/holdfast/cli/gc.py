"""`holdfast gc`: give back the space that nothing refers to any more."""

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from holdfast.cli.output import note, say, show_progress
from holdfast.cli.passphrase import PassphraseFile
from holdfast.model.counted import counted
from holdfast.model.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdfast.client.answers import Collected
    from holdfast.client.api import Api

_SECONDS_PER_CALL = 2

_HOLD = """\
Nothing is removed from this store:

    {reason}

What looks like garbage may be all that is left of something. Look into that first; 'holdfast gc --release-hold' then
lets collection go on, and what nothing refers to is removed for good."""


def gc(
    *,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    threshold: Annotated[int | None, Parameter(metavar="PERCENT")] = None,
    seconds: int | None = None,
    release_hold: Annotated[bool, Parameter(negative=())] = False,
    store: Annotated[Path | None, Parameter(metavar="DIR")] = None,
    passphrase_file: PassphraseFile = None,
    json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Give back the space that nothing refers to any more. Backups and restores may go on meanwhile.

    What deleted recovery points, ended jobs and replaced files held is removed; packs that are mostly dead are
    compacted: what lives in them is copied, then they go. A running service does the same by itself, more slowly.

    Examples:

        holdfast gc

        holdfast gc --dry-run

        holdfast gc --threshold 5 --seconds 600 --json

    Parameters
    ----------
    dry_run
        Say what would be done, and do nothing.
    threshold
        Compact packs of which so many hundredths are dead, 1 to 100; by default 10. With 100 nothing is copied.
    seconds
        Stop after so many seconds, done or not; what was done stays done.
    release_hold
        Let collection go on where something keeps it from removing anything; 'holdfast gc' says what and why.
    store
        Open the store in this directory inside this process, instead of using an endpoint.
    json
        Print JSON.
    """
    from holdfast.app.connect import connect
    from holdfast.cli.output import FAILED, UsageError, print_json

    if threshold is not None and not 1 <= threshold <= 100:
        raise UsageError(f"--threshold is {threshold}: it must be 1 to 100")
    if seconds is not None and seconds < 1:
        raise UsageError(f"--seconds is {seconds}: it must be 1 or more")
    with connect(store, os.environ, passphrase_file) as connection:
        if dry_run:
            found = connection.api.collect_garbage(dry_run=True, compact_threshold=threshold)
            show: Callable[[Collected], None] = _show_plan
        else:
            found = _collect(connection.api, _Limits(threshold, seconds), release_hold, quiet=json)
            show = _show_summary
    if json:
        print_json(found)
    elif found.hold is not None:
        note(_HOLD.format(reason=printable(found.hold)))
    else:
        show(found)
    return FAILED if found.hold is not None else 0


@dataclass(frozen=True, slots=True)
class _Limits:
    threshold: int | None
    seconds: int | None


def _collect(api: "Api", limits: _Limits, release_hold: bool, *, quiet: bool) -> "Collected":
    """All calls added up; the last one says how things stand."""
    import msgspec

    from holdfast.client.answers import Collected

    began = time.monotonic()
    total: Collected | None = None
    for one in api.collect_all_garbage(
        compact_threshold=limits.threshold,
        release_hold=release_hold,
        seconds=min(_SECONDS_PER_CALL, limits.seconds or _SECONDS_PER_CALL),
    ):
        if total is not None:
            added = {name: getattr(total, name) + getattr(one, name) for name in _COUNTED}
            one = msgspec.structs.replace(one, **added)
        total = one
        if not quiet and sys.stderr.isatty():
            show_progress(_progress(total))
        if limits.seconds is not None and time.monotonic() - began >= limits.seconds:
            break
    if not quiet and sys.stderr.isatty():
        show_progress("")
    assert total is not None
    return total


_COUNTED = (
    "swept_objects",
    "deleted_chunks",
    "removed_packs",
    "freed_bytes",
    "compacted_packs",
    "copied_bytes",
    "damaged_frames",
)


def _progress(total: "Collected") -> str:
    from holdfast.cli.output import size

    return (
        f"{counted(total.swept_objects, 'object')} swept, {counted(total.deleted_chunks, 'chunk')} deleted,"
        f" {size(total.freed_bytes)} given back, {size(total.copied_bytes)} copied"
    )


def _show_summary(total: "Collected") -> None:
    from holdfast.cli.output import print_facts, size, warn

    print_facts(
        (
            ("objects swept", total.swept_objects),
            ("chunks deleted", total.deleted_chunks),
            ("packs removed", total.removed_packs),
            ("given back", size(total.freed_bytes)),
            ("packs compacted", total.compacted_packs),
            ("copied", size(total.copied_bytes)),
            ("stored now", size(total.stored_bytes)),
            ("of that dead", size(total.dead_bytes)),
        )
    )
    if total.damaged_frames:
        warn(f"{total.damaged_frames} damaged frames were found: 'holdfast verify --all' says what they belong to")
    _show_open_jobs(total)
    if not total.done:
        warn("stopped before it was done: run 'holdfast gc' again to go on")


def _show_open_jobs(found: "Collected") -> None:
    from holdfast.cli.output import size
    from holdfast.model.arn import source_name

    for job in found.open_jobs or ():
        say(
            f"Backup job {job.backup_job_id} of {source_name(job.resource_arn)!r} has not ended and keeps what it has"
            f" put, {size(job.bytes)}. If it is abandoned: 'holdfast job stop {job.backup_job_id}' and collect."
        )


def _show_plan(plan: "Collected") -> None:
    from holdfast.cli.output import print_facts, print_table, size

    print_facts(
        (
            ("chunks to delete", plan.deleted_chunks),
            ("packs to remove", plan.removed_packs),
            ("packs to compact", plan.compacted_packs),
            ("to be copied", size(plan.copied_bytes)),
            ("to be given back", size(plan.freed_bytes)),
            ("stored now", size(plan.stored_bytes)),
            ("of that dead", size(plan.dead_bytes)),
        )
    )
    if plan.sweep_pending:
        say("Deleted recovery points or ended jobs wait to be looked at; what they free is not counted yet.")
    _show_open_jobs(plan)
    if plan.packs:
        rows = [(one.pack_id, one.reason, size(one.stored_bytes), size(one.dead_bytes)) for one in plan.packs]
        say()
        print_table(("PACK", "REASON", "SIZE", "DEAD"), rows)
