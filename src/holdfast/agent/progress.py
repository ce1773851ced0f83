"""Shows how far a run has come: bars on a terminal, a plain line every few seconds elsewhere, nothing when quiet.

It reads the report that the run keeps; the run knows nothing of it. Standard error is written to, so that standard
output carries results alone.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import TextIO

from holdfast.agent.report import BackupReport, RestoreReport
from holdfast.model.counted import counted
from holdfast.model.printable import printable

PLAIN_SECONDS = 10.0
BAR_SECONDS = 0.2

Line = Callable[[], str]


def backup_line(report: BackupReport) -> str:
    """Where a backup stands, in one line."""
    seen = report.files + report.directories + report.links + report.others
    line = f"{seen:,} scanned, {report.objects_unchanged:,} unchanged, {report.objects_sent:,} sent"
    line += f" ({size_text(report.bytes_sent)} of {size_text(report.bytes_seen)} seen)"
    return line + (f", {counted(report.problems_total, 'problem')}" if report.problems_total else "")


def restore_line(report: RestoreReport) -> str:
    """Where a restore stands, in one line."""
    written = report.files + report.links + report.others + report.hard_links
    line = f"{counted(written, 'file')}, {counted(report.directories, 'directory', 'directories')}"
    line += f", {size_text(report.bytes_written)} written"
    return line + (f", {counted(report.problems_total, 'problem')}" if report.problems_total else "")


def size_text(size: int) -> str:
    """Bytes as people read them."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


@contextmanager
def shown(title: str, line: Line, *, quiet: bool, stream: TextIO | None = None) -> Iterator[None]:
    """Keep showing `line()` while the block runs."""
    stream = stream or sys.stderr
    if quiet:
        yield
    elif stream.isatty():
        with _bar(title, line, stream):
            yield
    else:
        with _plain(title, line, stream):
            yield


@contextmanager
def _every(seconds: float, show: Callable[[], None]) -> Iterator[None]:
    over = Event()

    def repeat() -> None:
        while not over.wait(seconds):
            show()

    thread = Thread(target=repeat, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _plain(title: str, line: Line, stream: TextIO) -> Iterator[None]:
    def show() -> None:
        stream.write(f"{printable(title)}: {printable(line())}\n")
        stream.flush()

    with _every(PLAIN_SECONDS, show):
        yield


@contextmanager
def _bar(title: str, line: Line, stream: TextIO) -> Iterator[None]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    described, counted = (TextColumn(f"{{task.{field}}}", markup=False) for field in ("description", "fields[line]"))
    columns = (SpinnerColumn(), described, BarColumn(20), counted)
    with Progress(*columns, TimeElapsedColumn(), console=Console(file=stream), transient=True) as progress:
        # How much there is to do is not known before it is done: the bar only shows that work goes on.
        task = progress.add_task(printable(title), total=None, line=printable(line()))
        with _every(BAR_SECONDS, lambda: progress.update(task, line=printable(line()))):
            yield
