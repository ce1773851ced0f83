"""What must be alone with a store is: nobody rebuilds its catalog while somebody works with it."""

import io
from pathlib import Path

import pytest

from holdfast.app.build import System
from holdfast.app.config import StoreOptions
from holdfast.app.rebuild import rebuild
from holdfast.blobs.lock import StoreLock
from holdfast.model.errors import Unavailable
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics


def opened(directory: Path) -> System:
    return System(StoreOptions(directory), Metrics(), open_log("error", "json", io.StringIO()))


def test_nobody_rebuilds_the_catalog_of_a_store_that_is_open(tmp_path: Path) -> None:
    system = opened(tmp_path / "store")
    try:
        with pytest.raises(Unavailable, match="is in use by process"):
            rebuild(StoreOptions(tmp_path / "store"), replace=True)
    finally:
        system.close()


def test_nobody_opens_a_store_whose_catalog_is_being_rebuilt(tmp_path: Path) -> None:
    opened(tmp_path / "store").close()
    during: list[BaseException] = []

    def look(*_: object) -> None:
        try:
            opened(tmp_path / "store").close()
        except Unavailable as refused:
            during.append(refused)

    rebuild(StoreOptions(tmp_path / "store"), replace=True, progress=look)
    assert during
    opened(tmp_path / "store").close()
    with StoreLock(tmp_path / "store"):
        pass
