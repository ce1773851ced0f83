"""Exclusions: what they leave out, and whether they could."""

import os

import pytest

from holdfast.agent.exchange import listing
from holdfast.agent.exclude import Exclusion
from holdfast.agent.scan import Options
from tests.agent.rig import Rig

ROOT = "/srv/data"


def _left_out(pattern: str, path: str, *, is_directory: bool = False) -> bool:
    exclusion = Exclusion([pattern], ROOT)
    found = exclusion.matches(path, os.path.basename(path), is_directory)
    assert exclusion.unused() == ([] if found else [pattern])
    return found


@pytest.mark.parametrize(
    ("pattern", "left_out", "kept"),
    [
        ("**/x", ["x", "a/x", "a/b/x"], ["ax", "a/xx"]),
        ("a/**/x", ["a/x", "a/b/x", "a/b/c/x"], ["x", "b/a/x"]),
        ("./x", ["x"], ["a/x"]),
        (".//x", ["x"], ["a/x"]),
        ("./a/x", ["a/x"], ["b/a/x"]),
        ("/x", ["x"], ["a/x"]),
        ("/srv/data/x", ["x"], ["a/x"]),
        ("/srv/data/a/*.o", ["a/1.o"], ["1.o", "b/1.o"]),
        ("/srv/data", ["srv/data"], ["data"]),
        ("*.swp", ["x.swp", "a/.x.swp"], ["swp"]),
        (r"new\x0aline", ["new\nline", r"a/new\x0aline"], ["new"]),
        (r"a/back\\slash", ["a/back\\slash"], ["back\\slash"]),
        ("", [], ["", "x"]),
        ("/", [], ["x"]),
        ("../x", [], ["x"]),
    ],
)
def test_a_pattern_leaves_out_what_it_names_and_knows_whether_it_did(
    pattern: str, left_out: list[str], kept: list[str]
) -> None:
    assert [path for path in left_out if not _left_out(pattern, path)] == []
    assert [path for path in kept if _left_out(pattern, path)] == []


def test_a_trailing_slash_restricts_a_pattern_to_directories() -> None:
    for pattern in ("x/", "./x/", "**/x/", "/srv/data/x/"):
        assert _left_out(pattern, "x", is_directory=True)
        assert not _left_out(pattern, "x")


def test_each_pattern_counts_for_itself_where_several_match() -> None:
    exclusion = Exclusion(["*.o", "a.o", "b.o"])
    assert exclusion.matches("a.o", "a.o", False)
    assert exclusion.unused() == ["b.o"]


def test_patterns_that_matched_nothing_are_named_at_the_end_but_kinds_of_names(rig: Rig) -> None:
    (rig.tree / "secret").mkdir()
    (rig.tree / "secret" / "key").write_text("s")
    (rig.tree / "file").touch()
    given = ["tree/secret", "./none", "misspelt", "*.swp", "**/*.bak", str(rig.tree / "secret")]
    report = rig.back_up(scan=Options(Exclusion(given, str(rig.tree))))
    assert report.excludes_unused == given[:-1]
    named = ("tree/secret", "./none", "misspelt", "**/*.bak")
    assert report.warnings == [f"--exclude {pattern!r} matched nothing" for pattern in named]
    job_id = rig.api.start_restore_job(report.recovery_point_arn or "")
    assert [one.name for one in listing(rig.api, job_id)] == ["/", "file"]
