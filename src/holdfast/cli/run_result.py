"""What a backup or restore prints at its end, and the exit code it leaves.

0 done; 1 failed; 3 done, but some files could not be read or written (each is named on standard error).
"""

import sys

import msgspec

from holdfast.agent.progress import size_text
from holdfast.agent.report import BackupReport, RestoreReport
from holdfast.model.errors import HoldfastError

DONE, FAILED, INCOMPLETE = 0, 1, 3


def print_json(value: object) -> None:
    """One JSON object on a line of standard output."""
    print(msgspec.json.encode(value).decode())


def print_backup(report: BackupReport, *, json: bool) -> int:
    """The result of a backup; its exit code."""
    _print_troubles(report, "could not read")
    if json:
        print_json(report)
    else:
        counts = f"{report.files:,} files, {report.directories:,} directories, {report.links + report.others:,} other"
        did = (
            f"{report.objects_sent:,} sent, {report.objects_unchanged:,} unchanged, {report.objects_deleted:,} deleted"
        )
        print(f"source          {report.source}")
        print(f"recovery point  {report.recovery_point_arn}")
        print(f"holds           {report.objects_total:,} objects, {size_text(report.bytes_total)} ({counts})")
        print(f"this run        {did}; {size_text(report.bytes_read)} read in {report.seconds:.1f} s")
    return INCOMPLETE if report.problems_total else DONE


def print_restore(report: RestoreReport, *, json: bool) -> int:
    """The result of a restore; its exit code."""
    _print_troubles(report, "could not restore")
    if json:
        print_json(report)
    else:
        counts = f"{report.files + report.hard_links:,} files, {report.directories:,} directories"
        others = f"{report.links + report.others:,} other"
        print(f"restored        {counts}, {others}; {size_text(report.bytes_written)} in {report.seconds:.1f} s")
        print(f"to              {report.to}")
        print(f"from            {report.recovery_point_arn}")
    if report.damaged_total:
        return FAILED
    return INCOMPLETE if report.problems_total else DONE


def interrupted(report: BackupReport | RestoreReport, error: BaseException, *, json: bool) -> int:
    """A run that ended early: why, and how to go on."""
    _print_troubles(report, "could not handle")
    reason = error.message if isinstance(error, HoldfastError) else "interrupted"
    hint = ""
    if isinstance(report, BackupReport) and report.job_id:
        hint = f"backup job {report.job_id} is left as it is: run the same command again to take it up"
    print(f"holdfast: {reason}", file=sys.stderr)
    if hint:
        print(f"holdfast: {hint}", file=sys.stderr)
    if json:
        print_json({"error": reason, **msgspec.to_builtins(report)})
    return FAILED


def _print_troubles(report: BackupReport | RestoreReport, what: str) -> None:
    for warning in report.warnings:
        print(f"holdfast: {warning}", file=sys.stderr)
    for problem in report.problems:
        kept = "; its older version is kept" if problem.kept else ""
        print(f"holdfast: {what} {problem.path}: {problem.reason}{kept}", file=sys.stderr)
    unnamed = report.problems_total - len(report.problems)
    if unnamed > 0:
        print(f"holdfast: and {unnamed:,} more", file=sys.stderr)
