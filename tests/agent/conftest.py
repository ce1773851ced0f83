"""The agent against the real service, opened inside the test's own process."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.app.build import System
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics
from tests.agent.rig import Rig
from tests.backends import Backend, EmbeddedPlace


@pytest.fixture
def local_rig(tmp_path: Path) -> Iterator[Rig]:
    """For what does not depend on the kind of store."""
    system = System(EmbeddedPlace(tmp_path / "store").options(), Metrics(), open_log("error", stream=io.StringIO()))
    try:
        yield Rig(system, tmp_path)
    finally:
        system.close()


@pytest.fixture
def rig(backend: Backend, tmp_path: Path) -> Iterator[Rig]:
    options = backend.place(tmp_path / "store").options()
    system = System(options, Metrics(), open_log("error", stream=io.StringIO()))
    try:
        yield Rig(system, tmp_path)
    finally:
        system.close()
