"""The order in which a rebuilt catalog takes the place of the old one is what makes a power cut harmless."""

import io
from pathlib import Path

from holdfast.app.build import System
from holdfast.app.config import StoreOptions
from holdfast.app.rebuild import rebuild
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics
from holdfast.testing.faulty_disk import FaultyDisk


def test_the_new_catalog_is_durable_before_it_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    store = tmp_path / "store"
    System(StoreOptions(store), Metrics(), open_log("error", "json", io.StringIO())).close()
    disk = FaultyDisk()
    rebuild(StoreOptions(store), replace=True, disk=disk)
    building = store / "catalog.rebuilding"
    replaced = disk.calls.index(("replace", store / "catalog"))
    synced = disk.calls.index(("sync", building))
    assert synced < replaced
    assert ("sync_directory", store) in disk.calls[synced:replaced]
    assert ("sync_directory", store) in disk.calls[replaced:]
    assert (store / "catalog.replaced-1").exists()
