"""Runs that are cut off, files that cannot be read or will not rest: what is lost, what is said, what is kept."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from holdfast.agent.attributes import parse
from holdfast.agent.exchange import listing
from holdfast.model.errors import Unavailable
from tests.agent.rig import Rig, described

MIB = 1024 * 1024


def _many(root: Path, count: int, size: int = 10_000) -> None:
    for number in range(count):
        folder = root / f"folder {number % 17}"
        folder.mkdir(exist_ok=True)
        (folder / f"file {number}").write_bytes(os.urandom(size))


def _stored(rig: Rig, report_job: str) -> dict[str, str | None]:
    return {one.name: one.metadata for one in listing(rig.api, report_job)}


def test_an_upload_error_ends_the_run_and_never_passes_for_an_unreadable_file(rig: Rig) -> None:
    _many(rig.tree, 3000)
    rig.transport.writes_left = 2
    with pytest.raises(Unavailable, match="network"):
        rig.back_up()
    assert rig.last.problems == []
    assert rig.last.recovery_point_arn is None


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
def test_a_run_that_was_cut_off_is_taken_up_where_it_stopped(rig: Rig, large: bool) -> None:
    if large:
        # The four files take at most 16 requests, the last one at least 9: the cut is in its middle.
        _many(rig.tree, 4, 3 * MIB)
        (rig.tree / "large").write_bytes(os.urandom(80 * MIB))
        rig.transport.writes_left = 24
    else:
        _many(rig.tree, 4000, 10_000)
        rig.transport.writes_left = 4
    with pytest.raises(Unavailable):
        rig.back_up()
    cut_off = rig.last
    rig.transport.writes_left = 10**9
    report = rig.back_up()
    assert report.resumed
    assert report.job_id == cut_off.job_id
    assert report.objects_unchanged >= cut_off.objects_sent > 0
    assert report.objects_sent + report.objects_unchanged == report.objects_total
    if large:
        assert rig.skipped_bytes > 0  # chunks of a file whose upload was cut off in its middle
    rig.restore()
    assert described(rig.out) == described(rig.tree)


def test_a_resumed_run_sees_what_changed_meanwhile(rig: Rig) -> None:
    _many(rig.tree, 3000)
    rig.transport.writes_left = 3
    with pytest.raises(Unavailable):
        rig.back_up()
    rig.transport.writes_left = 10**9
    shutil.rmtree(rig.tree / "folder 0")
    (rig.tree / "folder 1" / "file 1").write_text("changed")
    rig.back_up()
    rig.restore()
    assert described(rig.out) == described(rig.tree)


@contextmanager
def _restless(path: Path, change: str) -> Iterator[None]:
    """Another process that keeps changing `path`."""
    program = f"import os, sys, time\npath = sys.argv[1]\nn = 0\nwhile True:\n    n += 1\n    {change}\n"
    process = subprocess.Popen([sys.executable, "-c", program, str(path)])
    try:
        yield
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("size", [300_000, 6 * MIB], ids=["small", "large"])
@pytest.mark.parametrize(
    "change",
    ["f = open(path, 'r+b'); f.write(b'%d' % n); f.close()", "os.truncate(path, os.path.getsize(path) ^ 4096)"],
    ids=["overwritten", "truncated"],
)
def test_a_file_that_will_not_rest_is_stored_as_read_and_read_again_next_time(rig: Rig, size: int, change: str) -> None:
    path = rig.tree / "restless"
    path.write_bytes(os.urandom(size))
    with _restless(path, change):
        for _ in range(30):  # on a busy machine the other process may get no turn while the file is read
            while path.stat().st_mtime_ns == (before := path.stat().st_mtime_ns):
                pass
            report = rig.back_up()
            assert before
            assert report.problems == []
            job = rig.api.start_restore_job(str(report.recovery_point_arn))
            found = parse(_stored(rig, job)["restless"])
            assert found is not None
            if found.ctime_ns == 0:
                break
    assert found.ctime_ns == 0
    rig.restore()
    assert (rig.out / "restless").stat().st_size == found.size
    again = rig.back_up()
    assert again.objects_sent == 1
    shutil.rmtree(rig.out)
    rig.restore()
    assert (rig.out / "restless").read_bytes() == path.read_bytes()


def test_files_that_vanish_under_the_scanner_are_a_notice(rig: Rig) -> None:
    _many(rig.tree, 4000, 10)
    with _restless(rig.tree, "[os.unlink(os.path.join(f, l)) for f, _, ls in os.walk(path) for l in ls[::3]]"):
        report = rig.back_up()
    assert report.problems == []
    rig.back_up()
    rig.restore()
    assert described(rig.out) == described(rig.tree)


def test_a_path_that_is_not_there_starts_no_job(rig: Rig) -> None:
    with pytest.raises(Exception, match="No such file"):
        rig.back_up(path=rig.tree / "missing")
    assert list(rig.api.list_backup_jobs()) == []
