"""The source tree, as a unit test: the habits of the house that neither ruff, mypy nor import-linter can see."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent
SOURCES = sorted((TOP / "src" / "holdfast").rglob("*.py"))
BESIDE = [path for folder in ("scripts", "bench", "torture") for path in sorted((TOP / folder).rglob("*.py"))]
PROGRAMS = [*SOURCES, *BESIDE]
TESTS = sorted((TOP / "tests").rglob("*.py"))

LINES_MAX = 300
TEST_LINES_MAX = 400  # a suite of one subject may run longer than what it tests
LONGER: dict[str, str] = {
    # path from the top -> why it is one concept nevertheless
}
NAMES_REFUSED = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc", "stuff", "lib", "shared"}
MAY_ASK_THE_TIME = {"src/holdfast/model/clock.py"}
MAY_READ_THE_ENVIRONMENT = ("src/holdfast/app/", "src/holdfast/cli/", "src/holdfast/__main__.py", "scripts/", "bench/")
WALL_CLOCK = {
    ("time", "time"), ("time", "time_ns"),
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"),
}  # fmt: skip
ENVIRONMENT = {("os", "environ"), ("os", "environb"), ("os", "getenv"), ("os", "putenv")}
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b")
# Where packages come from, and where somebody's checkout lies, is not for the tree to know.
ADDRESSES = re.compile(
    r"(?:https?://)?(?:pypi\.org|files\.pythonhosted\.org|registry\.npmjs\.org|registry\.yarnpkg\.com|npm\.pkg\.github\.com"
    r"|proxy\.golang\.org|deb\.debian\.org|archive\.ubuntu\.com)"
    r"|--(?:extra-)?index-url|--find-links|\"resolved\":"
    r"|/root/|/home/[a-z]{2}|/Users/[A-Za-z]|/work/|/opt/wheels"
)


def relative(path: Path) -> str:
    return path.relative_to(TOP).as_posix()


def tracked_files() -> list[Path]:
    """Every file that belongs to the project: what git knows or would add; without git, what lies here unhidden."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=TOP,
            capture_output=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        made = {"build", "dist", "node_modules", "__pycache__"}
        found = (path for path in TOP.rglob("*") if path.is_file())
        return [p for p in found if not any(part in made or part[0] == "." for part in p.relative_to(TOP).parts)]
    return [path for name in listed.decode().split("\0") if name and (path := TOP / name).is_file()]


def attributes(tree: ast.AST) -> Iterator[tuple[str, str, int]]:
    """Each `owner.name` in a module, and each name that `from owner import name` brings in, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value
            last = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
            yield last, node.attr, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name, node.lineno) for alias in node.names)


def uses(path: Path, wanted: set[tuple[str, str]]) -> list[str]:
    found = attributes(ast.parse(path.read_text()))
    return [f"{relative(path)}:{line} {owner}.{name}" for owner, name, line in found if (owner, name) in wanted]


def too_long() -> dict[str, int]:
    limits = dict.fromkeys(PROGRAMS, LINES_MAX) | dict.fromkeys(TESTS, TEST_LINES_MAX)
    lines = {path: path.read_text().count("\n") for path in limits}
    return {relative(path): lines[path] for path, limit in limits.items() if lines[path] > limit}


def test_no_file_is_longer_than_one_concept_needs() -> None:
    assert {name: lines for name, lines in too_long().items() if name not in LONGER} == {}


def test_the_list_of_longer_files_is_not_out_of_date() -> None:
    assert [name for name in LONGER if name not in too_long()] == []


def test_nothing_is_left_unfinished() -> None:
    found = [
        f"{relative(path)}:{number} {line.strip()}"
        for path in [*PROGRAMS, *TESTS]
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert found == []


def test_every_file_is_called_what_it_holds() -> None:
    parts = {part for path in [*PROGRAMS, *TESTS] for part in path.relative_to(TOP).with_suffix("").parts}
    stems = {part.removeprefix("test_") for part in parts}
    assert sorted(stems & NAMES_REFUSED) == []


@pytest.mark.parametrize("path", PROGRAMS, ids=relative)
def test_every_module_says_why_it_exists(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring
    assert len(docstring) >= 12


def test_only_the_clock_asks_the_time() -> None:
    sources = [path for path in SOURCES if relative(path) not in MAY_ASK_THE_TIME]
    assert [use for path in sources for use in uses(path, WALL_CLOCK)] == []


def test_only_the_wiring_and_the_commands_read_the_environment() -> None:
    sources = [path for path in PROGRAMS if not relative(path).startswith(MAY_READ_THE_ENVIRONMENT)]
    assert [use for path in sources for use in uses(path, ENVIRONMENT)] == []


def test_no_file_names_a_registry_or_a_place_on_somebodys_machine() -> None:
    found = []
    for path in tracked_files():
        if path == Path(__file__) or path.suffix in {".png", ".ico", ".woff2", ".gz"}:
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if match := ADDRESSES.search(line):
                found.append(f"{relative(path)}:{number} {match.group()}")
    assert found == []


def test_locks_hold_names_versions_and_hashes_only() -> None:
    locks = [
        path
        for path in tracked_files()
        if path.suffix == ".txt" and (path.parent / path.name).with_suffix(".in").exists()
    ]
    locks += [TOP / "requirements" / f"{name}.txt" for name in ("run", "dev", "image")]
    line_form = re.compile(r"[a-z0-9][a-z0-9._-]*==\S+( ; .+?)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?|#.*|")
    found = [
        f"{relative(path)}:{number} {line}"
        for path in locks
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if not line_form.fullmatch(line)
    ]
    assert len(locks) >= 3
    assert found == []


def test_the_tidy_rules_themselves_find_what_they_look_for() -> None:
    offender = TOP / "src" / "holdfast" / "model" / "clock.py"
    assert uses(offender, WALL_CLOCK)
    assert UNFINISHED.search("# TO" + "DO later")
    assert ADDRESSES.search("see https://py" + "pi.org/simple")
    assert not ADDRESSES.search("the registry cannot be reached")
