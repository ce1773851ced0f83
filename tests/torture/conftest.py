"""Stores under attack lie on each kind of store in turn."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.backends import Backend, SharedPlace
from torture.ground import DirectoryGround, Ground, SharedGround

Grounds = Callable[[Path], Ground]


@pytest.fixture
def grounds(backend: Backend) -> Grounds:
    """Where a store is, given a folder of its own."""

    def make(folder: Path) -> Ground:
        place = backend.place(folder)
        if not isinstance(place, SharedPlace):
            return DirectoryGround(folder)
        options = place.options()
        assert options.catalog is not None and options.bucket is not None
        return SharedGround(folder, options.catalog, options.bucket)

    return make


@pytest.fixture
def ground(grounds: Grounds, tmp_path: Path) -> Ground:
    """One of them."""
    return grounds(tmp_path / "store")
