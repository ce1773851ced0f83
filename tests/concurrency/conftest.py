"""A fresh stage with one vault for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.concurrency.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    stage.vault()
    yield stage
    stage.close()
