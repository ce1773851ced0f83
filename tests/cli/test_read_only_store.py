"""A store that may only be read: on a read-only mount, without anything being written beside it."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from holdfast.app.build import System
from holdfast.app.config import StoreOptions
from holdfast.blobs.lock import StoreLock
from holdfast.cli.main import run
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics


@contextmanager
def read_only(directory: Path) -> Iterator[Path]:
    """The directory, mounted again so that it cannot be written to."""
    view = directory.with_name(f"{directory.name}-read-only")
    view.mkdir()
    if subprocess.run(["mount", "--bind", str(directory), str(view)], capture_output=True).returncode:
        pytest.skip("a read-only file system needs to be mounted, which needs root")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(view)], check=True)
        yield view
    finally:
        subprocess.run(["umount", "-l", str(view)], check=True)


@pytest.fixture
def store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "a").write_bytes(b"contents")
    assert run(["backup", str(tree), "--source", "s", "--json", "--store", str(tmp_path / "store")]) == 0
    capsys.readouterr()
    return tmp_path / "store"


def state(directory: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_size) for path in directory.rglob("*")}


def test_a_read_only_store_is_listed_verified_and_restored_from_and_nothing_is_written(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = state(store)
    with read_only(store) as view:
        for words in (["points"], ["ls", "--source", "s"], ["vault", "list"], ["job", "list"], ["verify", "--all"]):
            assert run([*words, "--store", str(view)]) == 0, capsys.readouterr().err
        assert run(["restore", "--source", "s", "--to", str(tmp_path / "out"), "--store", str(view)]) == 0
    assert (tmp_path / "out" / "a").read_bytes() == b"contents"
    assert state(store) == before


@pytest.mark.parametrize(
    "words",
    [["backup", "TREE", "--source", "s"], ["delete", "--yes", "ARN"], ["gc"], ["vault", "create", "photos"]],
    ids=lambda words: words[0],
)
def test_a_command_that_would_change_a_read_only_store_says_so_and_fails(
    store: Path, tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with read_only(store) as view:
        assert run(["points", "--json", "--store", str(view)]) == 0
        [point] = json.loads(capsys.readouterr().out)
        named = {"TREE": str(tmp_path / "tree"), "ARN": point["RecoveryPointArn"]}
        assert run([*(named.get(word, word) for word in words), "--store", str(view)]) == 1
        assert f"the store {view} is read-only" in capsys.readouterr().err
        assert run(["points", "--json", "--store", str(view)]) == 0
        assert json.loads(capsys.readouterr().out) == [point]


def test_what_stands_only_in_the_log_of_the_catalog_is_read_too(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    with closing(
        System(StoreOptions(store, reserve_bytes=0), Metrics(), open_log("error"), background=False)
    ) as system:
        vaults = system.handlers["CreateBackupVault"]
        vaults(None, {"BackupVaultName": "in-the-log"})  # type: ignore[arg-type]
        # As a snapshot of the file system takes it, or a machine that lost its power leaves it.
        shutil.copytree(store, copy)
    assert (copy / "catalog-wal").stat().st_size
    with read_only(copy) as view:
        assert run(["vault", "list", "--store", str(view)]) == 0
    assert "in-the-log" in capsys.readouterr().out


def test_a_read_only_view_of_a_store_that_is_being_served_is_refused_with_the_way_to_the_service(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with read_only(store) as view, StoreLock(store) as lock:
        lock.announce("http://127.0.0.1:1234")
        assert run(["points", "--store", str(view)]) == 1
        assert f'eval "$(holdfast env --data {view})"' in capsys.readouterr().err


def test_a_temporary_directory_without_room_is_named(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with read_only(store) as view:
        assert run(["points", "--store", str(view)]) == 1
    assert "TMPDIR" in capsys.readouterr().err


@pytest.mark.parametrize("parity", [(), ("--add-parity", "10")], ids=["without parity", "with parity"])
def test_damage_in_a_read_only_store_is_named_although_it_can_be_neither_marked_nor_repaired(
    store: Path, tmp_path: Path, parity: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tree" / "big").write_bytes(bytes(range(256)) * 4000)
    assert run(["backup", str(tmp_path / "tree"), "--source", "s", "--json", "--store", str(store)]) == 0
    assert run(["verify", *parity, "--store", str(store)]) == 0
    for pack in (store / "blobs" / "packs").rglob("*"):
        if pack.is_file():
            data = bytearray(pack.read_bytes())
            data[len(data) // 2] ^= 1
            pack.write_bytes(data)
    before = state(store)
    capsys.readouterr()
    with read_only(store) as view:
        for _ in range(2):
            assert run(["verify", "--all", "--store", str(view)]) == 1
            said = capsys.readouterr()
            assert "damaged" in said.out + said.err
            assert "read-only" not in said.err
    assert state(store) == before
