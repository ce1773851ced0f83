"""`holdfast migrate` as it is typed."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.cli.main import run
from scripts.servers.postgres import Postgres
from scripts.servers.rgw import RadosGateway
from tests.app.moving_rig import Elsewhere, Place
from tests.cli.serving import wait_for
from tests.records.rig import noise


@pytest.fixture
def store(tmp_path: Path) -> Place:
    store = Place.embedded(tmp_path / "store")
    with store.opened():
        store.back_up({"a": b"a"})
        store.back_up({"a": b"b"})
    return store


def moved(*words: object) -> int:
    return run(["migrate", *map(str, words), "--quiet"])


def test_there_and_back_in_the_words_of_the_manual(
    store: Place,
    postgres_server: Postgres,
    rgw_server: RadosGateway,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    elsewhere = Elsewhere(postgres_server, rgw_server)
    for name, value in elsewhere.environment().items():
        monkeypatch.setenv(name, value)
    node = elsewhere.place(tmp_path / "node", store.clock)
    assert moved(*store.arguments("from"), *node.arguments("to")) == 0
    said = capsys.readouterr().out
    assert " 1 pack, " in said and "1 key record\n" in said
    assert "in 20 tables, compared" in said
    assert "the old place:  can be read, and takes no changes any more" in said
    assert f"holdfast serve --data {node.folder}" in said
    with node.opened():
        assert len(node.points()) == 2
    # A node's own file says where its store is.
    bucket = node.options.bucket
    assert bucket is not None and node.options.catalog is not None
    (node.folder / "holdfast.toml").write_text(
        f'catalog = "{node.options.catalog.url}"\nblobs = "s3://{bucket.bucket}/{bucket.prefix}"\n'
        f's3_endpoint = "{bucket.endpoint}"\n'
    )
    back = tmp_path / "back"
    assert moved("--from", node.folder, "--to", back, "--verify", "all", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["target"] == str(back)
    assert (report["damaged_total"], report["frames"] > 0, report["source_takes_changes"]) == (0, True, False)
    assert report["tables"]["recovery_points"]["rows"] == 2
    assert moved("--from", node.folder, "--to", back, "--json") == 0
    assert json.loads(capsys.readouterr().out)["was_finished"]


def test_no_secret_is_shown(
    store: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_S3_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("HOLDFAST_S3_SECRET_ACCESS_KEY", "very-secret")
    url = "postgresql://me:very-secret@127.0.0.1:1/x"
    assert moved("--from", store.folder, "--to", tmp_path / "n", "--to-catalog", url) == 1
    said = capsys.readouterr()
    assert "cannot be reached" in said.err
    assert "very-secret" not in said.err + said.out


def test_an_unfinished_move_is_given_up(store: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert moved("--from", store.folder, "--abort") == 0
    assert "no move keeps this store from taking changes" in capsys.readouterr().out
    assert moved("--from", store.folder, "--to", tmp_path / "target") == 0
    capsys.readouterr()
    assert moved("--from", store.folder, "--abort") == 1
    assert "the move is through" in capsys.readouterr().err
    assert moved("--from", store.folder, "--keep-source-writable") == 0
    assert f"the store takes changes again; what was copied is at {tmp_path / 'target'}" in capsys.readouterr().out
    with store.opened():
        store.back_up({"a": b"c"})


def test_misuse_is_told_before_anything_is_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, told in (
        ((), "--from"),
        (("--from", tmp_path), "--to is missing"),
        (("--from", tmp_path, "--to", tmp_path / "x", "--abort"), "--abort goes with --from alone"),
        (("--from", tmp_path, "--to", tmp_path / "x", "--threads", "0"), "it must be 1 to 64"),
        (("--from", tmp_path, "--to", tmp_path / "x", "--verify", "some"), "--verify"),
        (("--from", tmp_path, "--to", tmp_path / "x", "--to-blobs", "here"), "it must be s3://BUCKET"),
    ):
        assert moved(*words) == 2
        assert told in capsys.readouterr().err


def test_a_damaged_store_moves_and_says_so(store: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [name] = store.names()
    (store.folder / "blobs" / name).unlink()
    assert moved("--from", store.folder, "--to", tmp_path / "target") == 0
    assert f"damaged before the move, and as it was: {name} is missing" in capsys.readouterr().err


def test_told_to_stop_it_lets_the_source_take_changes_again(store: Place, tmp_path: Path) -> None:
    with store.opened():
        store.back_up({f"n{n}": noise(n, 100_000) for n in range(300)}, source="many")
    target = tmp_path / "target"
    words = [sys.executable, "-m", "holdfast", "migrate", "--from", str(store.folder), "--to", str(target), "--quiet"]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    wait_for((target / "moving.journal").exists)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=120)
    assert process.returncode in (130, 0), said
    if process.returncode:
        assert "interrupted: the same command goes on with the move, and the store takes changes until then" in said
        with store.opened():
            store.back_up({"a": b"d"})
        assert moved("--from", store.folder, "--to", target) == 0
