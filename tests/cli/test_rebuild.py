"""`holdfast rebuild` as it is typed."""

import json
from pathlib import Path

import pytest

from holdfast.cli.main import run
from tests.backends import Backend
from tests.records.rig import Store


@pytest.fixture
def lost(backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    store = Store(backend.place(tmp_path / "store"))
    assert store.place is not None
    # What serve is told by flags, commands on a store are told by the environment.
    flags = store.place.arguments()
    said = {
        f"HOLDFAST_{flag[2:].upper().replace('-', '_')}": value
        for flag, value in zip(flags[::2], flags[1::2], strict=True)
    }
    for name, value in (said | store.place.environment()).items():
        monkeypatch.setenv(name, value)
    with store.opened():
        store.back_up({"a": b"a"})
        store.back_up({"a": b"b"})
    store.lose_catalog()
    return store


def test_it_says_what_is_back(lost: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rebuild", "--store", str(lost.folder), "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "recovery points:  2" in said
    assert "vaults:           1" in said


def test_it_says_so_in_json(lost: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rebuild", "--store", str(lost.folder), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["recovery_points"], said["missing"], said["holds"]) == (2, [], [])


def test_what_is_missing_is_named_and_the_exit_code_says_so(lost: Store, capsys: pytest.CaptureFixture[str]) -> None:
    lost.rebuild()
    before = set(lost.packs())
    with lost.opened():
        job = lost.start("work")
        lost.put(job, "näme", b"gone with its pack")
    [data] = set(lost.packs()) - before
    with lost.opened():
        lost.commit(job)
    lost.place.remove(data)
    lost.lose_catalog()
    assert run(["rebuild", "--store", str(lost.folder), "--quiet"]) == 1
    said = capsys.readouterr().out
    assert "missing: arn:aws:holdfast:local:000000000000:source/work n\u00e4me (chunk 0)" in said


def test_a_catalog_that_can_be_used_is_left_alone(lost: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rebuild", "--store", str(lost.folder), "--quiet"]) == 0
    assert run(["rebuild", "--store", str(lost.folder), "--quiet"]) == 1
    assert "--replace" in capsys.readouterr().err
    assert run(["rebuild", "--store", str(lost.folder), "--quiet", "--replace", "--verify"]) == 0
    assert "damaged:  nothing" in capsys.readouterr().out


def test_lost_keys_come_back_from_a_bundle(lost: Store, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = lost.folder.parent / "bundle.txt"
    assert run(["key", "export", "--store", str(lost.folder), "--out", str(bundle)]) == 0
    (lost.folder / "root.key").unlink()
    for name in lost.place.names("keys/"):
        lost.place.remove(name)
    assert run(["rebuild", "--store", str(lost.folder), "--quiet"]) == 1
    assert not (lost.folder / "root.key").exists()
    assert run(["rebuild", "--store", str(lost.folder), "--quiet", "--bundle", str(bundle)]) == 0
    assert "recovery points:  2" in capsys.readouterr().out


def test_a_bundle_that_cannot_be_read_is_a_misuse(lost: Store) -> None:
    assert run(["rebuild", "--store", str(lost.folder), "--bundle", str(lost.folder / "none")]) == 2


def test_where_no_store_is_nothing_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rebuild", "--store", str(tmp_path / "nothing"), "--quiet"]) == 1
    assert "no store" in capsys.readouterr().err
    assert not (tmp_path / "nothing").exists()
