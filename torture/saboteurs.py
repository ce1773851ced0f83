"""Saboteurs: plants known bugs in a copy of the source, one at a time, and asks whether the tests notice.

A proof that cannot fail proves nothing. What is always true here: the checkout is never changed; the copy is what the
tests import (PYTHONPATH goes before an editable install, and that is looked at before the first bug); a bug counts as
caught only if a test that passes on the unchanged copy fails with it, by an assertion or an error of the service. A run
that cannot be collected, a name that does not exist or SQL that does not parse is a broken saboteur and not a caught
one.

    python -m torture.saboteurs            try them all
    python -m torture.saboteurs WORD...    those whose name holds a word
    python -m torture.saboteurs --write    renew the table in docs/design/saboteurs.md
"""

import compileall
import py_compile
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from torture.planted.all import BUGS
from torture.planted.bug import PROMISES, Bug, Misfit
from torture.section import Budget, Figures, Report

NAME = "saboteurs"

TOP = Path(__file__).resolve().parent.parent
PAGE = TOP / "docs" / "design" / "saboteurs.md"
_MARK = "<!-- what follows is written by python -m torture.saboteurs --write -->\n"

_SECONDS_A_TEST = 60
_SECONDS_A_RUN = 600
_FAILED = re.compile(r"^FAILED (\S+)", re.MULTILINE)
_ERROR = re.compile(r"^ERROR (\S+)", re.MULTILINE)
_WHY = re.compile(r"^E +(.+)", re.MULTILINE)
# Signs that the program is broken as such, and not its promise.
_BROKEN = re.compile(
    r"\b(NameError|AttributeError|ImportError|ModuleNotFoundError|SyntaxError|UnboundLocalError|SQLError)\b"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one run of tests ended."""

    failed: tuple[str, ...]
    """Tests that failed in their own code."""
    trouble: str | None
    """Why the run says nothing: tests could not be collected or set up, it hung, the program was broken."""
    output: str

    @property
    def passed(self) -> bool:
        """Whether every test ran and passed."""
        return not self.failed and self.trouble is None

    @property
    def caught(self) -> bool:
        """Whether a test failed, and for no reason but the bug."""
        return bool(self.failed) and self.trouble is None


class Copy:
    """A copy of the source in `folder`, and pytest over it. For one thread."""

    def __init__(self, folder: Path) -> None:
        """Raises RuntimeError if Python would import something else than the copy."""
        self._folder = folder
        source = folder / "src"
        shutil.copytree(TOP / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
        self._package = source / "holdfast"
        # Checked by their contents: a changed file with the same size and second must not be taken for the old one.
        compileall.compile_dir(source, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
        found = Path(self._python("-c", "import holdfast; print(holdfast.__file__)").stdout.strip())
        if self._package not in found.parents:
            raise RuntimeError(f"Python imports {found} and not the copy in {source}")

    @contextmanager
    def spoilt(self, bug: Bug) -> Iterator[None]:
        """The copy has the bug inside the block. Raises Misfit."""
        before = bug.plant(self._package)
        try:
            yield
        finally:
            (self._package / bug.path).write_text(before, "utf-8")

    def test(self, nodes: Sequence[str], *options: str) -> Verdict:
        """Run these tests over the copy as it is now."""
        words = ("-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "--tb=short", "--no-header", "-m", "")
        limits = (f"--timeout={_SECONDS_A_TEST}", "--timeout-method=signal", f"--basetemp={self._folder / 'tests'}")
        try:
            done = self._python(*words, *limits, *options, *nodes)
        except subprocess.TimeoutExpired:
            return Verdict((), f"the tests did not end within {_SECONDS_A_RUN} seconds", "")
        return _judged(done.returncode, done.stdout)

    def _python(self, *words: str) -> "subprocess.CompletedProcess[str]":
        environment = (
            f"PYTHONPATH={self._folder / 'src'}",
            "PYTHONDONTWRITEBYTECODE=1",
            f"HYPOTHESIS_STORAGE_DIRECTORY={self._folder / 'examples'}",
        )
        return subprocess.run(
            ["/usr/bin/env", *environment, sys.executable, *words],
            cwd=TOP,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_SECONDS_A_RUN,
            check=False,
        )


def _judged(code: int, output: str) -> Verdict:
    failed = tuple(_FAILED.findall(output))
    errors = _ERROR.findall(output)
    trouble = None
    if errors or code not in (0, 1) or (code == 1 and not failed):
        told = _WHY.search(output)
        where = f" in {errors[0]}" if errors else ""
        trouble = (
            f"pytest ended with {code}{where}, so that nothing was tested: {told.group(1) if told else output[-200:]}"
        )
    elif code == 1 and (broken := _BROKEN.search(output)):
        trouble = f"the program is broken ({broken.group()}), not its promise"
    return Verdict(failed, trouble, output)


def run(budget: Budget, report: Report) -> Figures:
    """Tries every bug, in an order of the seed's; there are few enough to go on even if the seconds are over."""
    return _try(BUGS, budget, report)


def _try(bugs: Sequence[Bug], budget: Budget, report: Report) -> Figures:
    order = list(bugs)
    random.Random(budget.seed).shuffle(order)
    waiting: SimpleQueue[Bug] = SimpleQueue()
    for bug in order:
        waiting.put(bug)
    losses = _fit_for_it(budget.folder, order, report)
    caught: list[Bug] = []

    def work(number: int) -> None:
        copy = Copy(_made(budget.folder / f"copy-{number}"))
        while True:
            try:
                bug = waiting.get_nowait()
            except Empty:
                return
            escape = _escape(copy, bug)
            if escape is None:
                caught.append(bug)
            else:
                losses.append(escape)
            report(f"{len(caught)}/{len(order)} caught: {bug.name}" if escape is None else f"ESCAPED: {escape}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(max(1, budget.processes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(caught) + len(losses) < len(order):
        losses.append(f"{len(order) - len(caught)} saboteurs were not tried to the end")
    counts = {"planted bugs": len(order), "caught": len(caught)}
    return Figures(NAME, counts, tuple(losses), time.monotonic() - budget.began)


def _fit_for_it(folder: Path, bugs: Sequence[Bug], report: Report) -> list[str]:
    """What is wrong with the tests on the unchanged source: then a failure with a bug would say nothing."""
    nodes = sorted({node for bug in bugs for node in bug.caught_by})
    report(f"{len(nodes)} tests on the unchanged source")
    verdict = Copy(_made(folder / "unchanged")).test(nodes)
    if verdict.passed:
        return []
    return [f"on the unchanged source: {verdict.trouble or 'failed: ' + ', '.join(verdict.failed)}"]


def _escape(copy: Copy, bug: Bug) -> str | None:
    """How the bug got away, or None if it was caught."""
    try:
        with copy.spoilt(bug):
            verdict = copy.test(bug.caught_by, "-x")
    except Misfit as misfit:
        return str(misfit)
    if verdict.caught:
        return None
    return f"{bug.name}: {verdict.trouble or 'no test failed'} ({', '.join(bug.caught_by)})"


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def table(bugs: Sequence[Bug] = BUGS) -> str:
    """The bugs as a table of Markdown, by promise."""
    lines = []
    for promise, text in PROMISES.items():
        mine = [bug for bug in bugs if bug.promise == promise]
        if not mine:
            continue
        lines += [f"## {promise}: {text}", "", "| planted bug | in | caught by |", "|---|---|---|"]
        for bug in mine:
            nodes = "<br>".join(f"`{node}`" for node in bug.caught_by)
            lines.append(f"| {bug.name} | `{bug.path}` | {nodes} |")
        lines.append("")
    return "\n".join(lines)


def written(page: str) -> str:
    """The page with the table as it must be now."""
    head, mark, _ = page.partition(_MARK)
    assert mark, "the page has lost the line behind which the table stands"
    return head + mark + "\n" + table()


def main(words: Sequence[str]) -> int:
    """The exit status: 0 when all chosen saboteurs were caught."""
    if "--write" in words:
        PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
        return 0
    chosen = [bug for bug in BUGS if not words or any(word in bug.name for word in words)]
    with tempfile.TemporaryDirectory(prefix="saboteurs-") as folder:
        figures = _try(chosen, Budget(seconds=0, seed=1, folder=Path(folder), processes=2), print)
    print(figures.counts, *figures.losses, sep="\n")
    return 0 if figures.passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
