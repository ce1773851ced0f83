import json
from pathlib import Path

import pytest

from holdfast.cli.main import run


def _typed(answer: str | None) -> str:
    if answer is None:
        raise EOFError
    return answer


def points(store: list[str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert run(["points", "--json", *store]) == 0
    return [point["RecoveryPointArn"] for point in json.loads(capsys.readouterr().out)]


@pytest.fixture
def store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    tree = tmp_path / "tree"
    tree.mkdir()
    store = ["--store", str(tmp_path / "store")]
    for number in range(3):
        (tree / "file").write_text(f"day {number}")
        assert run(["backup", str(tree), "--source", "s", "--json", *store]) == 0
    capsys.readouterr()
    return store


def test_what_was_named_is_deleted_and_the_others_stay(store: list[str], capsys: pytest.CaptureFixture[str]):
    first, second, third = points(store, capsys)
    assert run(["delete", "--yes", "--json", second, second, *store]) == 0
    assert json.loads(capsys.readouterr().out) == {"Deleted": [second]}
    assert points(store, capsys) == [first, third]


def test_nothing_is_deleted_unless_somebody_says_yes(store: list[str], capsys: pytest.CaptureFixture[str], monkeypatch):
    before = points(store, capsys)
    assert run(["delete", before[0], *store]) == 2
    assert "--yes" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    for answer in ("no", "", "y", None):
        monkeypatch.setattr("builtins.input", lambda _, answer=answer: _typed(answer))
        assert run(["delete", before[0], *store]) == 0
        said = capsys.readouterr()
        assert before[0] in said.out
        assert said.out.endswith("nothing was deleted\n")
        assert said.err == ""
    assert points(store, capsys) == before
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    assert run(["delete", before[0], *store]) == 0
    assert "deleted 1 recovery point\n" in capsys.readouterr().out
    assert points(store, capsys) == before[1:]


def test_one_unknown_name_and_nothing_is_deleted(store: list[str], capsys: pytest.CaptureFixture[str]):
    before = points(store, capsys)
    assert run(["delete", "--yes", before[0], before[0] + "0", *store]) == 1
    assert "nothing was deleted" in capsys.readouterr().err
    assert points(store, capsys) == before
