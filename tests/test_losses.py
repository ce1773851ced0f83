"""docs/design/losses.md names tests; they must exist, and every loss must have one."""

import re
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent
ROWS = [
    line
    for line in (TOP / "docs" / "design" / "losses.md").read_text("utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| what was lost")
]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[2:40].strip())
def test_every_loss_names_tests_that_exist(row: str) -> None:
    named = NAMED.findall(row)
    assert named
    for path, name in named:
        assert re.search(rf"^def {name}\(", (TOP / path).read_text("utf-8"), re.MULTILINE), f"{path}::{name}"
