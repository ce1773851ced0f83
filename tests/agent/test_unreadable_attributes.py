"""Attributes that say what no file can have, or what this version cannot read: trouble of one object each."""

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.agent.job import claim
from holdfast.app.connect import connect
from holdfast.cli.ls import ls
from holdfast.client.api import Api
from holdfast.model import checksum
from tests.agent.rig import SOURCE, Rig, described

_IDS = f"{os.geteuid()} {os.getegid()}"
_FILE = f"hf1 f 100644 {_IDS} 5 1 1 1"
_HUGE = 10**20 - 1

_ABSURD = {
    "size": (f"hf1 f 100644 {_IDS} {_HUGE} 1 1 1", b"hello"),
    "owner": (f"hf1 f 100644 {_HUGE} {_HUGE} 5 1 1 1", b"hello"),
    "time": (f"hf1 f 100644 {_IDS} 5 {2**126} 1 1", b"hello"),
    "time before all": (f"hf1 f 100644 {_IDS} 5 {-(2**126)} 1 1", b"hello"),
    "time of a directory": (f"hf1 d 40755 {_IDS} 0 {2**126} 1 1", None),
    "time of a link": (f"hf1 l 120777 {_IDS} 5 {2**126} 1 1", b"hello"),
    "device": (f"hf1 c 20600 {_IDS} 0 1 1 1 r=9999999999:9999999999", None),
    "mode": (f"hf1 f 40755 {_IDS} 5 1 1 1", b"hello"),
    "form": ("hf1 f 100644", b"hello"),
    "later version": ("hf2 f 100644 what=ever", b"hello"),
}


def _put_between_two_files(api: Api) -> None:
    job = claim(api, "default", SOURCE)
    objects = [("a", _FILE, b"first"), *((f"b {name}", *one) for name, one in _ABSURD.items()), ("c", _FILE, b"third")]
    for name, metadata, data in objects:
        api.put_object(job.id, name, data, data and checksum.digest(data), metadata_string=metadata)
    api.commit_backup_job(job.id)


def test_absurd_attributes_are_trouble_of_their_own_file_and_of_no_other(rig: Rig) -> None:
    _put_between_two_files(rig.api)
    report = rig.restore()
    assert (rig.out / "a").read_bytes() == b"first"
    assert (rig.out / "c").read_bytes() == b"third"
    assert {problem.path for problem in report.problems} == {f"b {name}" for name in _ABSURD} - (
        set() if os.geteuid() == 0 else {"b owner"}
    )
    reasons = {problem.path: problem.reason for problem in report.problems}
    assert "damaged" in reasons["b form"]
    assert "newer Holdfast (hf2)" in reasons["b later version"]
    assert not (rig.out / "b form").exists()


def test_a_list_shows_damaged_attributes_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with connect(tmp_path / "store", {"HOME": str(tmp_path)}, make=True) as connection:
        _put_between_two_files(connection.api)
    assert ls(source=SOURCE, store=tmp_path / "store") == 3
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(_ABSURD) + 2
    assert [line.split()[0] for line in lines if line.endswith(("b form", "b mode", "b later version"))] == [
        "damaged"
    ] * 3
    assert ls(source=SOURCE, store=tmp_path / "store", json=True) == 3
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sum("damaged" in one for one in shown) == 3


@pytest.fixture
def memory_tree() -> Iterator[Path]:
    """A directory of a file system that keeps any time stamp."""
    if not os.path.isdir("/dev/shm"):
        pytest.skip("there is no tmpfs")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.mark.parametrize("seconds", [253_402_300_800, 2**62, -(2**62)], ids=["year-10000", "largest", "smallest"])
def test_times_beyond_the_calendar_neither_change_what_a_file_is_nor_lose_what_it_holds(
    rig: Rig, memory_tree: Path, seconds: int
) -> None:
    tree = memory_tree / "tree"
    (tree / "photos").mkdir(parents=True, mode=0o750)
    (tree / "photos" / "one").write_text("kept")
    with open(tree / "sparse", "wb") as file:
        file.truncate(8 * 2**20)
        file.seek(6 * 2**20)
        file.write(b"tail")
    for path in (tree / "sparse", tree / "photos"):
        os.utime(path, ns=(0, seconds * 10**9 + 7))
    before = described(tree)
    assert before[b"photos"][3] == seconds * 10**9 + 7
    rig.back_up(path=tree)
    report = rig.restore(str(memory_tree / "out"))
    assert (report.problems, report.warnings) == ([], [])
    assert described(memory_tree / "out") == before
