"""A fresh stage of each kind with one vault for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends import Backend
from tests.concurrency.stage import Stage


@pytest.fixture
def stage(backend: Backend, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(backend.place(tmp_path / "store"))
    stage.vault()
    yield stage
    stage.close()
