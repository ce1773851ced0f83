"""What a backup or restore prints at its end, and the exit code it leaves.

0 done; 1 failed; 3 done, but some files could not be read or written (each is named on standard error).
"""

import msgspec

from holdfast.agent.report import BackupReport, RestoreReport
from holdfast.cli.output import DONE, FAILED, PARTLY, print_facts, print_json, size, warn, warn_missing
from holdfast.model.counted import counted
from holdfast.model.errors import HoldfastError


def print_backup(report: BackupReport, *, json: bool) -> int:
    """The result of a backup; its exit code."""
    _print_troubles(report, "could not read")
    if json:
        print_json(report)
    else:
        did = f"{report.objects_new:,} new, {report.objects_sent - report.objects_new:,} changed"
        did += f", {report.objects_unchanged:,} unchanged"
        if report.objects_failed:
            did += f", {report.objects_failed:,} failed"
        if report.objects_vanished:
            did += f", {report.objects_vanished:,} vanished"
        moved = f"{size(report.bytes_read)} read, {size(report.bytes_sent)} sent"
        if report.bytes_skipped:
            moved += f", {size(report.bytes_skipped)} held already"
        print_facts(
            (
                ("source", report.source),
                ("recovery point", report.recovery_point_arn),
                ("holds", f"{counted(report.objects_total, 'object')}, {size(report.bytes_total)}"),
                ("seen", f"{_counts(report.files, report)}: {did}"),
                ("this run", f"{moved}; {report.objects_deleted:,} deleted; {report.seconds:.1f} s"),
            )
        )
    return PARTLY if report.problems_total else DONE


def print_restore(report: RestoreReport, source: str, *, json: bool) -> int:
    """The result of a restore; its exit code."""
    _print_troubles(report, "could not restore")
    warn_missing(report.missing, source)
    if json:
        print_json(report)
    else:
        counts = _counts(report.files + report.hard_links, report)
        print_facts(
            (
                ("recovery point", report.recovery_point_arn),
                ("restored to", report.to),
                ("restored", f"{counts}; {size(report.bytes_written)} in {report.seconds:.1f} s"),
            )
        )
    if report.damaged_total or report.missing:
        return FAILED
    return PARTLY if report.problems_total else DONE


def _counts(files: int, report: BackupReport | RestoreReport) -> str:
    directories = counted(report.directories, "directory", "directories")
    return f"{counted(files, 'file')}, {directories}, {report.links + report.others:,} other"


def stopped(report: BackupReport | RestoreReport, error: BaseException, *, json: bool) -> int:
    """A run that ended early: why, and how to go on."""
    _print_troubles(report, "could not handle")
    warn(error.message if isinstance(error, HoldfastError) else "interrupted")
    if isinstance(report, BackupReport) and report.given_up:
        warn(
            f"backup job {report.job_id} was stopped, so that it holds no room: run 'holdfast gc', which frees what it"
            " had sent, make room or leave something out (--exclude), and run the same command again"
        )
    elif isinstance(report, BackupReport) and report.job_id:
        warn(f"backup job {report.job_id} is left as it is: run the same command again to take it up")
    if not isinstance(error, HoldfastError):
        raise error
    if json:
        print_json({"error": error.message, **msgspec.to_builtins(report)})
    return FAILED


def _print_troubles(report: BackupReport | RestoreReport, what: str) -> None:
    for warning in report.warnings:
        warn(f"{warning}")
    for problem in report.problems:
        kept = "; its older version is kept" if problem.kept else ""
        warn(f"{what} {problem.path}: {problem.reason}{kept}")
    unnamed = report.problems_total - len(report.problems)
    if unnamed > 0:
        warn(f"and {unnamed:,} more")
