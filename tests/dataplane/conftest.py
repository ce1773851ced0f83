"""A fresh store with one vault for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dataplane.rig import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    store = Rig(tmp_path)
    store.vault()
    yield store
    store.close()
