"""`make demo`: the whole of Holdfast on a real directory, with every claim checked.

Starts the service, backs a directory up, changes it, backs it up again, restores both recovery points and compares
every name, byte, mode, owner, time and link. The directory that was given is only read: what is changed is a
copy of it under build/demo, which is removed again; the store stays, so that one can go on from there.

Usage: python -m scripts.demo [DIRECTORY]     (default: the library of the Python that runs this)
Exit code 0 if everything came back identical, 1 if not.
"""

import os
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from scripts.service_process import SOME_UNREADABLE, ServiceProcess
from scripts.tree_change import change
from scripts.trees import Entry, count_bytes, count_files, differences, disk_bytes, remove_tree, snapshot

TOP = Path(__file__).resolve().parent.parent
PLACE = TOP / "build" / "demo"
SOURCE = "demo"
DIFFERENCES_SHOWN_MAX = 20

Tree = dict[bytes, Entry]
console = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 110)


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the table; bytes, except where the name says otherwise. None: does not apply."""

    title: str
    files: int
    contents: int
    sent: int | None
    stored: int | None
    seconds: float


def main() -> int:
    original = Path(sys.argv[1] if len(sys.argv) > 1 else sysconfig.get_path("stdlib")).resolve()
    if not original.is_dir():
        console.print(f"demo: {original} is not a directory", style="red")
        return 1
    if PLACE.is_relative_to(original):
        console.print(f"demo: {original} contains {PLACE}, where its copy would go: choose another SRC", style="red")
        return 1
    if PLACE.exists():
        remove_tree(PLACE)
    PLACE.mkdir(parents=True)
    tree = PLACE / "tree"
    console.print(f"[bold]Copying[/] {original} to work on (nothing of yours is changed) ...")
    _copy(original, tree)
    first = snapshot(tree)
    console.print(f"  {count_files(first):,} files, {_size(count_bytes(first))}")

    with ServiceProcess(PLACE / "data") as service:
        console.print(f"[bold]Service[/] is listening on {service.url}, its store is {service.data}")
        steps, troubles = _run(service, tree, first)
    remove_tree(tree)
    _print_table(steps)
    for trouble in troubles[:DIFFERENCES_SHOWN_MAX]:
        console.print(f"  {trouble}", style="red", markup=False)
    if troubles:
        console.print(f"[bold red]{len(troubles)} differences[/]: what was restored is not what was backed up.")
        return 1
    console.print(
        "[bold green]Identical.[/] Every name, byte, mode, owner, time and link of both recovery points came back."
    )
    _print_what_next()
    return 0


def _run(service: ServiceProcess, tree: Path, first: Tree) -> tuple[list[Step], list[str]]:
    console.print("[bold]Backing up[/] ...")
    step, first_point, unread = _backup(service, "first backup", tree, first)
    steps = [step]
    step, _, _ = _backup(service, "nothing changed", tree, first)
    steps.append(step)

    changes = change(tree)
    console.print(f"[bold]Changing[/] the copy: {changes}")
    second = snapshot(tree)
    step, second_point, unread_later = _backup(service, "after the changes", tree, second)
    steps.append(step)

    troubles: list[str] = []
    for title, point, expected, skipped in (
        ("restore latest", second_point, second, unread_later),
        ("restore first", first_point, first, unread),
    ):
        console.print(f"[bold]Restoring[/] and comparing: {title} ...")
        step, different = _restore(service, title, point, {n: e for n, e in expected.items() if n not in skipped})
        steps.append(step)
        troubles += [f"{title}: {difference}" for difference in different]
    return steps, troubles


def _backup(service: ServiceProcess, title: str, tree: Path, expected: Tree) -> tuple[Step, str, set[bytes]]:
    """Returns the line of the table, the recovery point's ARN, and the names that could not be read."""
    sent, stored = service.metric("holdfast_received_bytes_total"), disk_bytes(service.data)
    began = time.monotonic()
    done = service.run("backup", str(tree), "--source", SOURCE, "--json")
    seconds = time.monotonic() - began
    sent = service.metric("holdfast_received_bytes_total") - sent
    stored = disk_bytes(service.data) - stored
    unread = _name_unread(done.told, tree) if done.exit_code == SOME_UNREADABLE else set()
    step = Step(title, count_files(expected), count_bytes(expected), int(sent), stored, seconds)
    return step, done.told["recovery_point_arn"], unread


def _restore(service: ServiceProcess, title: str, point: str, expected: Tree) -> tuple[Step, list[str]]:
    to = PLACE / "restored"
    began = time.monotonic()
    service.run("restore", "--source", SOURCE, "--point", point, "--to", str(to), "--json")
    seconds = time.monotonic() - began
    found = snapshot(to)
    remove_tree(to)
    return Step(title, count_files(found), count_bytes(found), None, None, seconds), differences(expected, found)


def _name_unread(told: dict[str, Any], tree: Path) -> set[bytes]:
    console.print("  some files could not be read; they are named, and left out of the comparison:", style="yellow")
    for problem in told["problems"][:DIFFERENCES_SHOWN_MAX]:
        console.print(f"    {problem['path']}: {problem['reason']}", markup=False)
    return {os.fsencode(os.path.relpath(tree / problem["path"], tree)) for problem in told["problems"]}


def _copy(original: Path, tree: Path) -> None:
    """As `cp -a` copies: modes, owners, times, links. What cannot be read is named by cp and left out."""
    ran = subprocess.run(["cp", "-a", f"{original}/.", str(tree)], check=False)
    if ran.returncode:
        console.print("  not everything could be copied (see above); going on with what could", style="yellow")


def _print_table(steps: list[Step]) -> None:
    table = Table(box=box.SIMPLE_HEAVY)
    for column in ("", "files", "contents", "sent", "stored", "saved", "seconds"):
        table.add_column(column, justify="left" if not column else "right", no_wrap=True)
    for step in steps:
        saved = "" if step.stored is None else f"{max(0.0, 1 - step.stored / max(step.contents, 1)):.1%}"
        table.add_row(
            step.title,
            f"{step.files:,}",
            _size(step.contents),
            "" if step.sent is None else _size(step.sent),
            "" if step.stored is None else _size(step.stored),
            saved,
            f"{step.seconds:.2f}",
        )
    console.print(table)
    console.print("sent: request bodies over HTTP. stored: what the store grew on disk. saved: contents less stored.\n")


def _print_what_next() -> None:
    data = PLACE.relative_to(TOP) / "data"
    console.print(
        f"""The store is still there. To keep the service running over it, and to look around:

    .venv/bin/holdfast serve --data {data}         (or `make serve` for a new store under build/serve)

and in another shell:

    export AWS_ENDPOINT_URL=http://127.0.0.1:9220 AWS_SHARED_CREDENTIALS_FILE=$PWD/{data}/credentials
    .venv/bin/holdfast points
    .venv/bin/holdfast ls --source {SOURCE}
    .venv/bin/holdfast backup ~/Documents
    eval "$(.venv/bin/holdfast env)"               (makes boto3 and the AWS CLI find it, too)
""",
        markup=False,
        highlight=False,
    )


def _size(count: int) -> str:
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(amount) < 1000 or unit == "GB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


if __name__ == "__main__":
    sys.exit(main())
