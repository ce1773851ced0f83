"""Commands that take a source: how it may be spelled, and what is said of one that is not there."""

import json
import os
from pathlib import Path

import pytest

from holdfast.cli.main import run

ARN = "arn:aws:holdfast:local:000000000000:source/s"


@pytest.fixture
def store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").touch()
    store = ["--store", str(tmp_path / "store")]
    before = os.umask(0)
    try:
        assert run(["backup", str(tmp_path / "tree"), "--source", "s", "-q", *store]) == 0
    finally:
        os.umask(before)
    capsys.readouterr()
    return store


@pytest.mark.parametrize(
    "line",
    [
        ["points", "nope"],
        ["points", "--source", "nope", "--json"],
        ["ls", "--source", "nope"],
        ["restore", "--source", "nope", "--to", "out"],
        ["verify", "--source", "nope", "--point", "latest", "-q"],
        ["verify", "--source", "nope", "-q"],
        ["job", "list", "--source", "nope"],
    ],
)
def test_a_source_that_is_not_there_is_named_with_what_to_ask_for(
    store: list[str], line: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*line, *store]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "nope" in said.err
    assert "'s'" in said.err or "lists" in said.err


def test_a_source_may_be_named_by_its_arn_wherever_it_may_be_named(
    store: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["backup", str(tmp_path / "tree"), "--source", ARN, "--json", *store]) == 0
    assert json.loads(capsys.readouterr().out)["base_recovery_point_arn"] is not None
    for line in (
        ["points", ARN],
        ["points", "--source", ARN],
        ["ls", "--source", ARN],
        ["restore", "--source", ARN, "--to", str(tmp_path / "out")],
        ["verify", "--source", ARN],
        ["verify", "--source", ARN, "--point", "latest"],
        ["job", "list", "--source", ARN],
    ):
        assert run([*line, *store]) == 0, capsys.readouterr().err


def test_nothing_in_a_store_can_be_read_by_others_whatever_the_umask(store: list[str], tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        (tmp_path / "store" / "catalog").unlink()
        assert run(["rebuild", *store]) == 0
        assert run(["gc", *store]) == 0
    finally:
        os.umask(before)
    found = list((tmp_path / "store").rglob("*"))
    assert (tmp_path / "store" / "catalog") in found
    assert [str(path) for path in found if path.stat().st_mode & 0o077] == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["backup"], "'holdfast backup' needs PATH\nTry 'holdfast backup --help'."),
        (["backup", "a", "b"], "'holdfast backup' has no use for 'b': quote a name that holds spaces"),
        (["backup", "a", "--sorce", "x"], "has no option --sorce: did you mean --source?"),
        (["backup", "a", "--source"], "--source needs a value behind it"),
        (["backup", "a", "--source", ""], "--source is '': give the source a name"),
        (["verify", "--data", "s"], "'holdfast verify' has no option --data: it is --store here"),
        (["serve", "--store", "s"], "'holdfast serve' has no option --store: it is --data here"),
        (["serve", "--port", "1"], "it is --listen here"),
        (["restore", "s", "--to", "out"], "'holdfast restore' needs --source and a value behind it"),
        (["vault", "create"], "'holdfast vault create' needs NAME\nTry 'holdfast vault create --help'."),
        (["--json", "points"], "--json stands before the command"),
    ],
)
def test_a_misuse_is_told_by_what_was_typed_and_what_to_type(
    line: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(line) == 2
    assert said in capsys.readouterr().err


def test_help_is_a_word_as_well_as_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["help", "points"]) == 0
    assert capsys.readouterr().out.startswith("Usage: holdfast points")
    assert run(["help"]) == 0
    assert capsys.readouterr().out.startswith("Usage: holdfast COMMAND")


def test_jobs_of_a_vault_that_is_not_there_are_no_empty_list(
    store: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["job", "list", "--vault", "nope", *store]) == 1
    assert run(["job", "list", "--vault", "default", "--state", "EXPIRED", *store]) == 0
    assert "no backup vault 'nope'" in capsys.readouterr().err
