"""A backup that finds no room leaves a store that has room for what fits."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.app.build import System
from holdfast.app.config import StoreOptions
from holdfast.client.control import Control
from holdfast.model.arn import source_arn
from holdfast.model.errors import DiskFull
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics
from holdfast.testing.faulty_disk import FaultyDisk
from tests.agent.rig import Rig, described

MIB = 1024 * 1024


@pytest.fixture
def disk() -> FaultyDisk:
    disk = FaultyDisk()
    disk.room_bytes = 24 * MIB
    return disk


@pytest.fixture
def rig(disk: FaultyDisk, tmp_path: Path) -> Iterator[Rig]:
    options = StoreOptions(tmp_path / "store", reserve_bytes=8 * MIB)
    system = System(options, Metrics(), open_log("error", stream=io.StringIO()), disk=disk, background=False)
    try:
        yield Rig(system, tmp_path)
    finally:
        system.close()


def collect(rig: Rig) -> None:
    for _ in rig.api.collect_all_garbage():
        pass


def test_a_backup_that_does_not_fit_is_given_up_and_after_gc_one_that_fits_works(rig: Rig) -> None:
    (rig.tree / "small").write_bytes(os.urandom(2 * MIB))
    rig.back_up()
    (rig.tree / "big").write_bytes(os.urandom(40 * MIB))
    with pytest.raises(DiskFull):
        rig.back_up()
    assert rig.last.given_up
    assert rig.api.describe_backup_job(rig.last.job_id).state == "ABORTED"
    (rig.tree / "big").unlink()
    (rig.tree / "little").write_bytes(b"fits")
    collect(rig)
    assert not rig.back_up().resumed
    rig.restore()
    assert described(rig.out) == described(rig.tree)


def test_who_finds_no_room_is_told_of_the_jobs_of_others_that_hold_it(rig: Rig, disk: FaultyDisk) -> None:
    other = start_another(rig.api)
    (rig.tree / "big").write_bytes(os.urandom(40 * MIB))
    with pytest.raises(DiskFull) as refused:
        rig.back_up()
    assert f"{other} of 'mail'" in refused.value.message
    assert "job stop" in refused.value.message


def test_who_is_refused_for_want_of_the_reserve_is_told_what_is_free_and_what_is_kept_back(
    rig: Rig, disk: FaultyDisk
) -> None:
    (rig.tree / "file").write_bytes(b"x")
    (rig.folder / "store" / "reserve").unlink()
    disk.room_bytes = 3 * MIB
    with pytest.raises(DiskFull, match=r"3\.0 MiB are free and 9\.0 MiB are kept back .* --reserve"):
        rig.back_up()


def start_another(api: Control) -> str:
    return api.start_backup_job("default", source_arn("mail"), "arn:aws:iam::000000000000:role/r").backup_job_id
