"""The keys of a store with backups in it: changed, collected, destroyed; what is kept reads the same all the time."""

from pathlib import Path

import pytest

from holdfast.app import key_care
from holdfast.app.config import StoreOptions
from holdfast.app.connect import connect
from holdfast.app.unlock import Unlock
from holdfast.blobs.local import LocalBlobs
from holdfast.cli.main import run
from holdfast.packfile.read import FoundFrame, frames


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with a recovery point of a small tree, in an environment that names no service."""
    for name in (
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_BACKUP",
        "AWS_ENDPOINT_URL_BACKUPSTORAGE",
        "HOLDFAST_PASSPHRASE",
    ):
        monkeypatch.delenv(name, raising=False)
    tree = tmp_path / "tree"
    for folder in ("a", "b/c"):
        (tree / folder).mkdir(parents=True)
        for number in range(20):
            (tree / folder / f"{number}.txt").write_bytes(f"{folder} {number} ".encode() * 200)
    assert run(["backup", str(tree), "--source", "tree", "--store", str(tmp_path / "s")]) == 0
    return tmp_path / "s"


def restored(store: Path, to: Path) -> dict[str, bytes]:
    assert run(["restore", "--source", "tree", "--to", str(to), "--store", str(store)]) == 0
    return contents(to)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.txt")}


def stored_frames(store: Path) -> dict[bytes, int]:
    """Each frame in the packs by its id, with the number of the frame key that it is under."""
    blobs = LocalBlobs(store / "blobs")
    stored = {}
    for name in blobs.list("packs/"):
        for frame in frames(lambda offset, length, name=name: blobs.read(name, offset, length), blobs.size(name)):
            assert isinstance(frame, FoundFrame)
            stored[frame.header.frame_id] = frame.header.key_number
    blobs.close()
    return stored


def collect(store: Path) -> None:
    with connect(store, {}) as connection:
        for _ in connection.api.collect_all_garbage():
            pass


def test_after_a_rotation_compaction_seals_everything_under_the_new_key(store: Path, tmp_path: Path) -> None:
    tree = contents(tmp_path / "tree")
    before = stored_frames(store)
    assert set(before.values()) == {1}
    assert run(["key", "rotate", "default", "--store", str(store)]) == 0
    assert restored(store, tmp_path / "before") == tree
    (tmp_path / "tree" / "new.txt").write_bytes(b"new")
    assert run(["backup", str(tmp_path / "tree"), "--source", "tree", "--store", str(store)]) == 0
    collect(store)
    after = stored_frames(store)
    assert set(after.values()) == {2}
    assert len(before.keys() & after.keys()) > 40
    key_care.rotate_root(StoreOptions(store), Unlock())
    assert restored(store, tmp_path / "after") == tree | {"new.txt": b"new"}


def test_a_rotation_brings_no_chunk_twice(store: Path, tmp_path: Path) -> None:
    before = stored_frames(store)
    assert run(["key", "rotate", "default", "--store", str(store)]) == 0
    assert run(["backup", str(tmp_path / "tree"), "--source", "again", "--store", str(store)]) == 0
    # One manifest more, and none of the tree's forty files.
    assert len(stored_frames(store).keys() - before.keys()) < 10


def test_the_packs_of_a_vault_whose_keys_are_destroyed_go_and_others_stay(store: Path, tmp_path: Path) -> None:
    tree = contents(tmp_path / "tree")
    line = ["--vault", "doomed", "--store", str(store)]
    assert run(["vault", "create", "doomed", "--store", str(store)]) == 0
    assert run(["backup", str(tmp_path / "tree"), "--source", "elsewhere", *line]) == 0
    packs = store / "blobs" / "packs"
    assert len([each for each in packs.iterdir() if any(each.iterdir())]) == 2
    with connect(store, {}) as connection:
        [point] = connection.api.list_recovery_points_by_vault("doomed")
        assert run(["key", "destroy", "doomed", "--yes-destroy", "doomed", "--store", str(store)]) == 1
        connection.api.delete_recovery_point("doomed", point.recovery_point_arn)
        assert connection.api.destroy_vault_keys("doomed") == 1
    collect(store)
    assert len([each for each in packs.iterdir() if any(each.iterdir())]) == 1
    assert len([each for each in (store / "blobs" / "keys").iterdir() if any(each.iterdir())]) == 1
    assert restored(store, tmp_path / "after") == tree
