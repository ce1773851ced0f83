"""A store in a directory of the test's own; not opened yet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.records.rig import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.close()
