import json
import random
from pathlib import Path

import pytest

from holdfast.catalog import holds
from holdfast.catalog.sqlite import SqliteCatalog
from holdfast.cli.main import run
from tests.cli.serving import holdfast, serving

MB = 1_000_000


def noise(seed: int, length: int) -> bytes:
    return random.Random(seed).randbytes(length)


def stored(directory: Path) -> int:
    return sum(path.stat().st_size for path in (directory / "blobs" / "packs").rglob("*") if path.is_file())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    tree.mkdir()
    for number in range(4):
        (tree / f"f{number}").write_bytes(noise(number, MB))
    return tree


@pytest.fixture
def store(tmp_path: Path, tree: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Two recovery points of which the older one, with 3 MB of its own, is deleted."""
    store = ["--store", str(tmp_path / "store")]
    assert run(["backup", str(tree), "--source", "s", "--json", *store]) == 0
    capsys.readouterr()
    assert run(["points", "--json", *store]) == 0
    [first] = json.loads(capsys.readouterr().out)
    for number in range(3):
        (tree / f"f{number}").write_bytes(noise(10 + number, MB))
    assert run(["backup", str(tree), "--source", "s", "--json", *store]) == 0
    # Held from the start, so that nobody's background work comes before the test.
    with_hold(tmp_path / "store", place=True)
    assert run(["delete", "--yes", first["RecoveryPointArn"], *store]) == 0
    with_hold(tmp_path / "store", place=False)
    capsys.readouterr()
    return store


def with_hold(directory: Path, *, place: bool) -> None:
    catalog = SqliteCatalog(directory / "catalog")
    catalog.run([lambda tx: holds.place(tx, "a manifest of job 7 is missing", 1) if place else holds.release(tx)])
    catalog.close()


def restored(tmp_path: Path, store: list[str]) -> dict[str, bytes]:
    target = tmp_path / "restored"
    assert run(["restore", "--source", "s", "--to", str(target), *store]) == 0
    return {path.name: path.read_bytes() for path in target.iterdir()}


def test_what_a_deleted_point_held_is_given_back(
    tmp_path: Path, tree: Path, store: list[str], capsys: pytest.CaptureFixture[str]
):
    before = stored(tmp_path / "store")
    assert run(["gc", *store]) == 0
    said = capsys.readouterr()
    assert "packs removed:" in said.out
    assert "given back:" in said.out
    assert said.err == ""
    assert before > 7 * MB
    assert stored(tmp_path / "store") < 4 * MB + 100_000
    assert restored(tmp_path, store) == {path.name: path.read_bytes() for path in tree.iterdir()}
    capsys.readouterr()
    assert run(["gc", "--json", *store]) == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["FreedBytes"], again["DeletedChunks"], again["Done"]) == (0, 0, True)


def test_in_json_the_calls_are_added_up(tmp_path: Path, store: list[str], capsys: pytest.CaptureFixture[str]):
    assert run(["gc", "--json", "--seconds", "60", "--threshold", "5", *store]) == 0
    collected = json.loads(capsys.readouterr().out)
    assert collected["Done"] is True
    assert collected["DeadBytes"] == 0
    assert collected["StoredBytes"] == stored(tmp_path / "store")
    assert "Hold" not in collected


def test_a_dry_run_does_nothing(tmp_path: Path, store: list[str], capsys: pytest.CaptureFixture[str]):
    with_hold(tmp_path / "store", place=True)
    before = stored(tmp_path / "store")
    assert run(["gc", "--dry-run", "--json", *store]) == 1
    planned = json.loads(capsys.readouterr().out)
    assert (planned["SweepPending"], planned["StoredBytes"], planned["Done"]) == (True, before, True)
    assert stored(tmp_path / "store") == before
    with_hold(tmp_path / "store", place=False)
    assert run(["gc", "--dry-run", *store]) == 0
    assert "packs to compact:" in capsys.readouterr().out


def test_a_hold_is_told_and_released_only_on_demand(
    tmp_path: Path, store: list[str], capsys: pytest.CaptureFixture[str]
):
    with_hold(tmp_path / "store", place=True)
    before = stored(tmp_path / "store")
    assert run(["gc", *store]) == 1
    said = capsys.readouterr()
    assert "a manifest of job 7 is missing" in said.err
    assert "gc --release-hold" in said.err
    assert stored(tmp_path / "store") == before
    assert run(["gc", "--dry-run", "--release-hold", *store]) == 1
    assert run(["gc", "--release-hold", *store]) == 0
    assert stored(tmp_path / "store") < before - 3 * MB


@pytest.mark.parametrize("line", [["--threshold", "0"], ["--threshold", "101"], ["--seconds", "0"]])
def test_what_cannot_be_is_exit_code_2(line: list[str], capsys: pytest.CaptureFixture[str]):
    assert run(["gc", *line]) == 2
    assert line[0] in capsys.readouterr().err


def test_a_running_service_collects_when_it_is_told_to(tmp_path: Path, tree: Path):
    data = tmp_path / "store"
    with serving(data) as service:
        environ = service.environ(data)
        assert holdfast("backup", str(tree), "--source", "s", environ=environ).returncode == 0
        [point] = json.loads(holdfast("points", "--json", environ=environ).stdout)
        assert holdfast("delete", "--yes", point["RecoveryPointArn"], environ=environ).returncode == 0
        done = holdfast("gc", "--json", environ=environ)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["Done"] is True
    assert stored(data) < 100_000
