"""What is said once, when a command makes a store."""

import json
import shlex
from pathlib import Path

import pytest

from holdfast.cli.main import run


@pytest.fixture
def tree(tmp_path: Path) -> str:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").touch()
    return str(tmp_path / "tree")


def _commands(text: str) -> list[list[str]]:
    """What stands between quotes and begins with the program's name."""
    found = [shlex.split(piece) for piece in text.replace("\n", " ").split("'") if piece.startswith("holdfast key")]
    return [words[1:] for words in found]


def test_a_first_backup_says_once_where_the_store_is_and_what_its_keys_need(
    tree: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = str(tmp_path / "store")
    assert run(["backup", tree, "--source", "s", "--store", store]) == 0
    said = capsys.readouterr().err
    assert f"made a new store in {store}" in said
    assert "is not protected" in said
    protect, export = _commands(said)
    export[export.index("FILE")] = str(tmp_path / "bundle")
    assert run(export) == 0
    monkeypatch.setenv("HOLDFAST_NEW_PASSPHRASE", "a pass phrase of the tests")
    assert run(protect) == 0
    monkeypatch.setenv("HOLDFAST_PASSPHRASE", "a pass phrase of the tests")
    capsys.readouterr()
    assert run(["backup", tree, "--source", "s", "--store", store]) == 0
    assert capsys.readouterr().err == ""


def test_a_store_made_under_a_pass_phrase_is_not_called_unprotected(
    tree: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_PASSPHRASE", "a pass phrase of the tests")
    assert run(["backup", tree, "--source", "s", "--store", str(tmp_path / "store")]) == 0
    said = capsys.readouterr().err
    assert "not protected" not in said
    assert "recovery bundle" in said


def test_quiet_keeps_the_line_about_the_bundle_and_json_makes_it_a_member(
    tree: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["backup", tree, "--source", "s", "-q", "--store", str(tmp_path / "one")]) == 0
    said = capsys.readouterr().err
    assert (said.count("\n"), "recovery bundle" in said) == (1, True)
    for expected in (True, False):
        assert run(["backup", tree, "--source", "s", "--json", "--store", str(tmp_path / "two")]) == 0
        result = capsys.readouterr()
        assert result.err == ""
        new_store = json.loads(result.out).get("new_store")
        assert (new_store is not None) == expected
        if expected:
            assert new_store["directory"] == str(tmp_path / "two")
            assert new_store["root_key_is_protected"] is False
            assert len(new_store["advice"]) == 3


def test_no_store_is_made_for_a_path_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["backup", str(tmp_path / "misspelt"), "--store", str(tmp_path / "store")]) == 1
    assert "No such file" in capsys.readouterr().err
    assert not (tmp_path / "store").exists()
