"""A store of each kind, of the test's own; not opened yet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends import Backend
from tests.records.rig import Store


@pytest.fixture
def store(backend: Backend, tmp_path: Path) -> Iterator[Store]:
    store = Store(backend.place(tmp_path / "store"))
    yield store
    store.close()
