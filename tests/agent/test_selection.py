"""Paths as people type them, and what a recovery point holds of them."""

import os
from collections.abc import Sequence

import pytest

from holdfast.agent.report import BackupReport
from holdfast.agent.selection import Selection
from holdfast.wire.batch import PutRecord
from tests.agent.rig import Rig

NAMES = ("conf", "conf/a.conf", "conf/b.txt", "conf/deep/a.conf", "conf!", "config", "top.conf")


def _picked(rig: Rig, *paths: str) -> tuple[list[str], list[str]]:
    """The names that `paths` pick of the last recovery point but the root, and the paths that pick nothing."""
    if not hasattr(rig, "last"):
        rig.back_up()
    job_id = rig.api.start_restore_job(rig.last.recovery_point_arn or "")
    selection = Selection(rig.api, job_id, paths)
    picked = [one.name for one in selection.objects()]
    return picked, selection.missing


@pytest.fixture
def planted(rig: Rig) -> Rig:
    for name in NAMES:
        if name != "conf":
            (rig.tree / name).parent.mkdir(parents=True, exist_ok=True)
            (rig.tree / name).write_text(name)
    return rig


def test_a_path_picks_what_stands_at_and_below_it_however_it_is_typed(planted: Rig) -> None:
    below = ["conf", "conf/a.conf", "conf/b.txt", "conf/deep", "conf/deep/a.conf"]
    root = planted.tree
    for typed in ("conf", "conf/", "./conf", "/conf", "conf//", "conf/deep/..", f"{root}/conf", f"{root}//conf/."):
        assert _picked(planted, typed) == (below, []), typed
    assert _picked(planted, "conf/deep", "conf", "conf/deep/a.conf") == (below, [])
    everything = ["/", "conf", "conf!", *below[1:], "config", "top.conf"]
    for whole in ("/", ".", "", str(root), f"{root}/"):
        assert _picked(planted, whole) == (everything, []), whole
    assert _picked(planted) == (everything, [])


def test_a_path_that_is_not_there_is_named_as_it_was_typed_and_the_others_are_picked(planted: Rig) -> None:
    missing = ["con", "conf/none", f"{planted.tree}/none", "../conf", "*.none", "conf/*/none"]
    assert _picked(planted, *missing) == ([], missing)
    assert _picked(planted, "misspelt", "config", "*.none") == (["config"], ["misspelt", "*.none"])


@pytest.mark.parametrize(
    ("pattern", "picked"),
    [
        ("*.conf", ["conf/a.conf", "conf/deep/a.conf", "top.conf"]),
        ("**/a.conf", ["conf/a.conf", "conf/deep/a.conf"]),
        ("**/top.conf", ["top.conf"]),
        ("/*.conf", ["conf/a.conf", "conf/deep/a.conf", "top.conf"]),
        ("conf/?.conf", ["conf/a.conf"]),
        ("conf/[!a].txt", ["conf/b.txt"]),
        ("d??p", ["conf/deep", "conf/deep/a.conf"]),
        ("conf/d*", ["conf/deep", "conf/deep/a.conf"]),
    ],
)
def test_a_pattern_picks_what_an_exclusion_of_it_would_leave_out(
    planted: Rig, pattern: str, picked: Sequence[str]
) -> None:
    assert _picked(planted, pattern) == (picked, [])


def test_a_pattern_below_the_absolute_path_of_the_source_is_relative_to_it(planted: Rig) -> None:
    assert _picked(planted, f"{planted.tree}/conf/*.txt") == (["conf/b.txt"], [])
    assert _picked(planted, f"{planted.tree}/to*") == (["top.conf"], [])


def test_names_are_found_by_their_bytes_and_as_lists_print_them(rig: Rig) -> None:
    for raw in (b"new\nline", b"back\\slash", b"\xff", b"star*", b"[x]"):
        (rig.tree / os.fsdecode(raw)).touch()
    stored = {"new\nline": r"new\x0aline", "back\\slash": r"back\\slash", "\udcff": r"\xff", "star*": "star*"}
    for typed, name in stored.items():
        for spelling in (typed, name, f"{rig.tree}/{typed}", f"{rig.tree}/{name}", f"./{name}"):
            assert _picked(rig, spelling) == ([name], []), spelling
    assert _picked(rig, "[x]") == (["[x]"], [])  # it is there: no pattern, which would pick the file x


def test_objects_of_another_client_are_found_by_their_own_names(rig: Rig) -> None:
    job_id = rig.api.start_backup_job("default", "arn:aws:ec2:us-east-1:000000000000:volume/v", "arn:aws:iam::1:role/r")
    put = [PutRecord(name, None, b"x", None, None) for name in ("folder/one", "folder/two", "back\\slash")]
    rig.api.put_objects(job_id.backup_job_id, put)
    arn = rig.api.commit_backup_job(job_id.backup_job_id).recovery_point_arn
    rig.last = BackupReport(recovery_point_arn=arn)
    assert _picked(rig, "folder", "back\\slash") == (["back\\slash", "folder/one", "folder/two"], [])
    assert _picked(rig, "/folder/*") == (["folder/one", "folder/two"], [])
