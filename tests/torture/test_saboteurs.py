"""The saboteurs are in order: each can still be planted, names tests that exist, and a few of them are tried."""

import ast
from functools import cache
from pathlib import Path

import pytest

from torture import saboteurs
from torture.planted.all import BUGS
from torture.planted.bug import PROMISES, Bug, Misfit, bug
from torture.saboteurs import PAGE, TOP, Copy

TRIED = (
    "A group of frames is written and not synced",
    "The bytes of a chunk are not compared with its checksum",
    "The commit of a job that ended meanwhile makes a recovery point",
)


@cache
def names_in(path: str) -> frozenset[str]:
    """Tests of a file as pytest names them, those of classes and of the suites that they inherit included."""
    tree = ast.parse((TOP / path).read_text("utf-8"))
    suites = ast.parse((TOP / "src/holdfast/testing/blob_store_suite.py").read_text("utf-8"))
    methods = {
        node.name: [each.name for each in node.body if isinstance(each, ast.FunctionDef)]
        for node in [*suites.body, *tree.body]
        if isinstance(node, ast.ClassDef)
    }
    named = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
            named |= {f"{node.name}::{method}" for owner in [node.name, *bases] for method in methods.get(owner, [])}
    return frozenset(named)


def source(planted: Bug) -> str:
    return (TOP / "src" / "holdfast" / planted.path).read_text("utf-8")


@pytest.mark.parametrize("planted", BUGS, ids=[one.name for one in BUGS])
def test_every_saboteur_can_be_planted_and_names_tests_that_exist(planted: Bug) -> None:
    assert planted.applied(source(planted)) != source(planted)
    assert planted.promise in PROMISES
    assert planted.caught_by
    for node in planted.caught_by:
        path, _, name = node.partition("::")
        assert name.partition("[")[0] in names_in(path), node


def test_there_are_enough_saboteurs_and_no_two_of_one_name() -> None:
    assert len(BUGS) >= 25
    assert len({one.name for one in BUGS}) == len(BUGS)
    assert {one.promise for one in BUGS} == set(PROMISES)


def test_the_page_says_what_the_code_says() -> None:
    assert PAGE.read_text("utf-8") == saboteurs.written(PAGE.read_text("utf-8"))


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy(tmp_path_factory.mktemp("copy"))


@pytest.mark.parametrize("name", TRIED)
def test_a_saboteur_is_caught_and_leaves_no_trace(copy: Copy, name: str) -> None:
    (planted,) = [one for one in BUGS if one.name == name]
    assert copy.test(planted.caught_by).passed
    with copy.spoilt(planted):
        verdict = copy.test(planted.caught_by, "-x")
    assert verdict.caught, verdict.output
    assert copy.test(planted.caught_by).passed


SALTS = "tests/chunks/test_salts.py::test_every_byte_that_was_given_is_used_once"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("_FETCHED_AT_ONCE = 512", "_FETCHED_AT_ONCE = 512\nraise ImportError('the copy is what is imported')"),
        ("return self._ready.pop()", "return nothing_of_that_name"),
    ],
)
def test_a_broken_program_does_not_count_as_caught(copy: Copy, old: str, new: str) -> None:
    with copy.spoilt(bug("Broken", "G1", "chunks/salts.py", old, new, SALTS)):
        verdict = copy.test([SALTS])
    assert not verdict.caught
    assert not verdict.passed


def test_a_saboteur_that_nobody_catches_is_reported(copy: Copy) -> None:
    harmless = bug("Harmless", "G1", "chunks/salts.py", "_FETCHED_AT_ONCE = 512", "_FETCHED_AT_ONCE = 256", SALTS)
    escape = saboteurs._escape(copy, harmless)
    assert escape is not None
    assert "no test failed" in escape


@pytest.mark.parametrize(("old", "told"), [("no such text", "0 times"), ("salt", "times instead of once")])
def test_a_saboteur_that_the_code_has_outgrown_is_noticed(tmp_path: Path, old: str, told: str) -> None:
    outgrown = bug("Outgrown", "G1", "chunks/salts.py", old, "nothing", SALTS)
    with pytest.raises(Misfit, match=told):
        outgrown.applied(source(outgrown))


def test_a_saboteur_that_is_no_program_is_noticed() -> None:
    broken = bug("Broken", "G1", "chunks/salts.py", "import threading\n", "import\n", SALTS)
    with pytest.raises(Misfit):
        broken.applied("import threading\n")
