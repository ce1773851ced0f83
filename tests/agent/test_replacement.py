"""One name, two directories: what takes the place of what, and what is refused."""

import shutil
import socket
from pathlib import Path

import pytest

from holdfast.agent.exchange import OneByOne
from holdfast.agent.exclude import Exclusion
from holdfast.agent.job import claim
from holdfast.agent.scan import Options
from holdfast.model.errors import InvalidInput, InvalidState
from holdfast.wire.batch import PutRecord
from tests.agent.rig import SOURCE, Rig


def _plant(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def _running(rig: Rig) -> int:
    return len(list(rig.api.list_backup_jobs(state="RUNNING")))


def test_another_directory_under_the_same_name_is_refused_and_leaves_no_job(rig: Rig) -> None:
    _plant(rig.tree, *(f"file {number}" for number in range(30)))
    other = _plant(rig.folder / "other", "letters", "file 3", "file 4")
    first = rig.back_up()
    with pytest.raises(InvalidState, match=r"of 30 names .* holds 2; .*--new-root") as refused:
        rig.back_up(path=other)
    assert str(rig.tree) in refused.value.message
    assert str(other) in refused.value.message
    assert (_running(rig), rig.last.job_id) == (0, "")
    assert rig.back_up().base_recovery_point_arn == first.recovery_point_arn
    assert rig.back_up(path=other, new_root=True).objects_total == 4
    assert rig.back_up(path=other).objects_unchanged == 4


def test_a_directory_that_moved_is_the_same_source_and_its_new_root_is_recorded(rig: Rig) -> None:
    _plant(rig.tree, *(f"file {number}" for number in range(30)))
    rig.back_up()
    moved = rig.folder / "moved"
    shutil.copytree(rig.tree, moved)
    assert rig.back_up(path=moved).warnings == []
    # From now on that is its root: not one name needs to be the same any more.
    shutil.rmtree(moved)
    _plant(moved, "all else")
    assert rig.back_up(path=moved).objects_deleted == 30


def test_a_tree_that_is_bound_elsewhere_with_the_same_attributes_records_its_root(rig: Rig) -> None:
    folder = _plant(rig.tree / "folder", *(f"file {number}" for number in range(30)))
    rig.back_up(path=folder)
    link = rig.folder / "link"
    link.symlink_to(folder)
    report = rig.back_up(path=f"{link}/")
    assert (report.objects_sent, report.objects_unchanged) == (1, 30)


def test_a_single_file_does_not_take_the_place_of_its_directory_nor_the_reverse(rig: Rig) -> None:
    _plant(rig.tree, "one", "two")
    rig.back_up()
    with pytest.raises(InvalidState, match="this source is a directory"):
        rig.back_up(path=rig.tree / "one")
    rig.back_up(path=rig.tree / "one", new_root=True)
    rig.back_up(path=rig.tree / "two")  # a file beside it: such are the dumps of every night
    with pytest.raises(InvalidState, match="this source is a single file"):
        rig.back_up()


def test_recovery_points_that_record_no_root_are_replaced_with_a_warning(rig: Rig) -> None:
    job = claim(rig.api, "default", SOURCE)
    records = [PutRecord(f"old {number}", None, b"x", None, None) for number in range(30)]
    OneByOne(rig.api).put(job.id, records)
    rig.api.commit_backup_job(job.id)
    _plant(rig.tree, "new")
    warnings = rig.back_up().warnings
    assert len(warnings) == 1
    assert "of 30 names" in warnings[0]
    assert rig.back_up().warnings == []


def test_a_source_that_yields_nothing_is_refused_unless_it_is_meant(rig: Rig) -> None:
    with pytest.raises(InvalidInput, match=r"holds nothing.*--allow-empty"):
        rig.back_up()
    _plant(rig.tree, "file")
    with pytest.raises(InvalidInput, match="nothing that is not excluded"):
        rig.back_up(scan=Options(Exclusion(["*"])))
    rig.back_up()
    (rig.tree / "file").unlink()
    with pytest.raises(InvalidInput, match="--allow-empty"):
        rig.back_up()
    assert _running(rig) == 0
    assert rig.back_up(allow_empty=True).objects_total == 1


def test_a_socket_is_refused_as_a_source_and_ignored_in_one(rig: Rig) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(rig.tree / "socket"))
        for allow_empty in (False, True):
            with pytest.raises(InvalidInput, match="socket is a socket"):
                rig.back_up(path=rig.tree / "socket", allow_empty=allow_empty)
        with pytest.raises(InvalidInput, match="holds nothing"):
            rig.back_up()
        _plant(rig.tree, "file")
        assert rig.back_up().sockets_ignored == 1


def test_a_source_in_the_store_that_it_would_be_backed_up_to_is_refused(rig: Rig) -> None:
    place = _plant(rig.folder / "kept", "a/file")
    status = place.stat()
    options = Options(skip=frozenset({(status.st_dev, status.st_ino)}))
    (rig.folder / "link").symlink_to(place / "a")
    for inside in (place, place / "a", place / "a" / "file", f"{rig.folder}/link/"):
        with pytest.raises(InvalidInput, match="lies in the store"):
            rig.back_up(path=inside, scan=options)
    _plant(rig.tree, "file")
    rig.back_up(scan=options)
