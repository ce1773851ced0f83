"""The page about concurrency says nothing that the tests do not show."""

import ast
import re
from functools import cache
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
PAGE = (TOP / "docs" / "design" / "concurrency.md").read_text("utf-8")
TRIVIAL = {"T", "·"}
TIMES = "\u00d7"


def rows(heading: str) -> list[list[str]]:
    """The cells of the tables below a heading, without their heads."""
    part = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if not set("".join(row)) <= {"-"}]


NAMES = [row[0] for row in rows("Who meets")[1:]]
MECHANISMS = {row[0] for row in rows("What keeps them apart")[1:]}
TABLE = [row for row in rows("The table") if len(row) == len(NAMES) + 1]
ROWS = [row for row in rows("The table") if len(row) == 4][1:]


def cells() -> dict[frozenset[str], set[str]]:
    found = {}
    for row in TABLE[1:]:
        for name, cell in zip(TABLE[0][1:], row[1:], strict=True):
            if cell:
                found[frozenset((row[0].strip("*"), name))] = set(cell.split())
    return found


def explained() -> dict[frozenset[str], set[str]]:
    found: dict[frozenset[str], set[str]] = {}
    for who, by, _, _ in ROWS:
        one, _, others = who.partition(f" {TIMES} ")
        for other in others.split(", "):
            found.setdefault(frozenset((one, other)), set()).update(by.split())
    return found


def test_each_operation_is_set_against_each() -> None:
    assert TABLE[0][1:] == NAMES
    assert [row[0].strip("*") for row in TABLE[1:]] == NAMES
    assert set(cells()) == {frozenset((one, other)) for one in NAMES for other in NAMES}


def test_every_cell_names_a_mechanism() -> None:
    assert {mechanism for cell in cells().values() for mechanism in cell} <= MECHANISMS
    assert MECHANISMS - {mechanism for cell in cells().values() for mechanism in cell} == set()


def test_every_cell_that_is_not_trivial_has_a_row_of_its_mechanisms() -> None:
    told = explained()
    for pair, mechanisms in cells().items():
        if mechanisms - TRIVIAL:
            assert mechanisms <= told.pop(pair), sorted(pair)
        else:
            assert pair not in told, sorted(pair)
    assert told == {}


def test_every_test_that_is_named_exists() -> None:
    nodes = [node for row in ROWS for node in re.findall(r"`([^`]+)`", row[3])]
    assert len(nodes) > 60
    for row in ROWS:
        assert "::" in row[3]
    for node in nodes:
        file, _, name = node.partition("::")
        assert name in functions(TOP / file if "/" in file else TOP / "tests" / "concurrency" / file), node


@cache
def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}
