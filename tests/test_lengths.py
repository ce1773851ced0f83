"""The table of long tests names tests that there are."""

import ast
from pathlib import Path

from tests.lengths import BUILT, LONG

TOP = Path(__file__).resolve().parent.parent


def test_every_test_in_the_table_of_long_ones_is_there() -> None:
    missing = []
    for place, tests in LONG.items():
        tree = ast.parse((TOP / place).read_text())
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        missing += [f"{place}::{name}" for name in tests if name not in names]
    missing += [place for place in BUILT if not (TOP / place).exists()]
    assert missing == []
