"""A fresh store of each kind with one vault for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends import Backend
from tests.dataplane.rig import Rig


@pytest.fixture
def rig(backend: Backend, tmp_path: Path) -> Iterator[Rig]:
    store = Rig(backend.place(tmp_path / "store"))
    store.vault()
    yield store
    store.close()
