"""A store goes nowhere where something else is, and only what is a store goes anywhere."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.access.credentials_file import ensure
from holdfast.app.config import StoreOptions
from holdfast.app.moving_options import EndFlags, gather_end
from holdfast.blobs.s3 import S3Blobs
from holdfast.model.errors import HoldfastError, InvalidInput, InvalidState, Unavailable, UnusableKey
from scripts.servers.postgres import Postgres
from scripts.servers.rgw import RadosGateway
from tests.app.moving_rig import Elsewhere, Place


@pytest.fixture
def store(tmp_path: Path) -> Place:
    return filled(tmp_path / "store")


@pytest.fixture
def elsewhere(postgres_server: Postgres, rgw_server: RadosGateway) -> Elsewhere:
    return Elsewhere(postgres_server, rgw_server)


def filled(folder: Path) -> Place:
    place = Place.embedded(folder)
    with place.opened():
        place.back_up({"a": folder.name.encode()})
    return place


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refused(store: Place, target: Place, error: type[HoldfastError], match: str) -> None:
    """The move is refused, and the source is as it was."""
    with store.opened():
        before = store.says()
    with pytest.raises(error, match=match):
        store.move_to(target)
    with store.opened():
        assert store.says() == before
        job = store.start("it takes changes")
        store.call("StopBackupJob", BackupJobId=job)


def test_a_directory_with_another_store_is_refused(store: Place, tmp_path: Path) -> None:
    other = filled(tmp_path / "other")
    before = everything(other.folder)
    refused(store, other, InvalidState, "other is not empty")
    after = everything(other.folder)
    changed = {name for name in before if before[name] != after.get(name)}
    assert {Path(name).name for name in changed} <= {"lock"}
    with other.opened():
        other.back_up({"b": b"b"})


def test_a_copy_of_the_store_itself_is_refused(store: Place, tmp_path: Path) -> None:
    copy = Place.embedded(tmp_path / "copy", store.clock)
    store.move_to(copy, keep_source_writable=True)
    refused(store, copy, InvalidState, "copy is not empty")


def test_a_directory_with_other_files_is_refused(store: Place, tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir(mode=0o700)
    (folder / "letter").write_text("dear")
    refused(store, Place.embedded(folder), InvalidInput, "holds other files and no store")
    assert [path.name for path in folder.iterdir()] == ["letter"]


def test_packs_without_a_catalog_are_not_covered_up(store: Place, tmp_path: Path) -> None:
    other = filled(tmp_path / "other")
    for file in other.folder.glob("catalog*"):
        file.unlink()
    refused(store, other, InvalidState, "other is not empty, and no unfinished move: .* is there")
    assert not (other.folder / "catalog").exists()


def test_a_database_with_a_store_is_refused(store: Place, elsewhere: Elsewhere, tmp_path: Path) -> None:
    taken = elsewhere.place(tmp_path / "taken")
    with taken.opened():
        before = taken.says()
    target = elsewhere.place(tmp_path / "node")
    target.options = replace(target.options, catalog=taken.options.catalog)
    refused(store, target, InvalidState, "is not empty")
    with taken.opened():
        assert taken.says() == before


def test_a_bucket_with_anything_in_it_is_refused(store: Place, elsewhere: Elsewhere, tmp_path: Path) -> None:
    target = elsewhere.place(tmp_path / "node")
    assert target.options.bucket is not None
    with closing(S3Blobs(target.options.bucket)) as blobs:
        blobs.put_new("marks/packs", b"7\n")
    refused(store, target, InvalidState, "is not empty, and no unfinished move: marks/packs is there")
    # What a trial of the bucket left is nothing.
    with closing(S3Blobs(target.options.bucket)) as blobs:
        blobs.delete("marks/packs")
        blobs.put_new("probe/0123", b"")
    store.move_to(target)


def test_other_keys_at_the_target_are_refused_and_not_overwritten(store: Place, tmp_path: Path) -> None:
    other = filled(tmp_path / "other")
    for name in ("root.key", "credentials"):
        folder = tmp_path / f"with-{name}"
        folder.mkdir(mode=0o700)
        (folder / name).write_bytes((other.folder / name).read_bytes())
        (folder / name).chmod(0o600)
        refused(store, Place.embedded(folder), InvalidState, "another store's root key|another access key")
        assert (folder / name).read_bytes() == (other.folder / name).read_bytes()


def test_the_same_keys_may_be_there_already_or_be_mounted(store: Place, tmp_path: Path) -> None:
    target = Place.embedded(tmp_path / "target", store.clock)
    key, credentials = tmp_path / "mounted.key", tmp_path / "mounted.credentials"
    target.options = replace(target.options, root_key_file=key, credentials_file=credentials)
    refused(store, target, InvalidInput, "mounted.key is to hold the root key")
    key.write_bytes((store.folder / "root.key").read_bytes())
    credentials.write_bytes((store.folder / "credentials").read_bytes())
    credentials.chmod(0o600)
    store.move_to(target)
    assert not (target.folder / "root.key").exists()
    assert not (target.folder / "credentials").exists()
    with target.opened():
        assert len(target.points()) == 1


def test_the_unfinished_copy_of_another_store_is_refused(store: Place, tmp_path: Path) -> None:
    other, target = filled(tmp_path / "other"), Place.embedded(tmp_path / "target")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        other.move_to(target, stop)
    refused(store, target, InvalidState, "unfinished copy of another store, .*other")
    with pytest.raises(InvalidState, match="is not whole"):
        target.move_to(Place.embedded(tmp_path / "third"))
    other.move_to(target)


def test_what_is_no_store_goes_nowhere(store: Place, tmp_path: Path) -> None:
    target = Place.embedded(tmp_path / "target")
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o700)
    for place, match in ((tmp_path / "nowhere", "there is no store"), (empty, "no root key")):
        with pytest.raises(InvalidInput, match=match):
            Place.embedded(place).move_to(target)
    ensure(empty)
    (empty / "root.key").write_bytes((store.folder / "root.key").read_bytes())
    with pytest.raises(InvalidInput, match=r"no catalog .*--from-catalog"):
        Place.embedded(empty).move_to(target)
    with pytest.raises(InvalidInput, match="--from and --to are both"):
        store.move_to(Place.embedded(store.folder))
    assert not target.folder.exists()


def test_a_directory_with_keys_of_another_store_moves_nothing(
    store: Place, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    node, target = elsewhere.place(tmp_path / "node"), Place.embedded(tmp_path / "target")
    node.folder.mkdir(mode=0o700)
    for name in ("root.key", "credentials"):
        (node.folder / name).write_bytes((store.folder / name).read_bytes())
        (node.folder / name).chmod(0o600)
    with pytest.raises(InvalidInput, match="there is no store in postgresql://"):
        node.move_to(target)
    other = filled(tmp_path / "other")
    with node.opened():
        node.back_up({"a": b"a"})
    own = (node.folder / "root.key").read_bytes()
    (node.folder / "root.key").write_bytes((other.folder / "root.key").read_bytes())
    with pytest.raises(UnusableKey, match="this node brought"):
        node.move_to(target)
    (node.folder / "root.key").write_bytes(own)
    node.move_to(target)


def test_a_database_that_is_away_is_told_and_the_source_goes_on(
    store: Place, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    target = elsewhere.place(tmp_path / "node")
    assert target.options.catalog is not None
    url = "postgresql://nobody@127.0.0.1:1/none"
    target.options = replace(target.options, catalog=replace(target.options.catalog, url=url, patience_seconds=1))
    refused(store, target, Unavailable, "cannot be reached")


def test_what_the_environment_says_of_places_is_not_guessed_about(tmp_path: Path) -> None:
    given = EndFlags("from", str(tmp_path))
    assert gather_end(given, {}) == gather_end(given, {"HOLDFAST_DATA": "/elsewhere"})
    for word in ("CATALOG", "BLOBS", "CONFIG", "ROOT_KEY_FILE"):
        with pytest.raises(InvalidInput, match=f"HOLDFAST_{word} is set"):
            gather_end(given, {f"HOLDFAST_{word}": "x"})
    with pytest.raises(InvalidInput, match=r"--from .*: --blobs is 'x'"):
        gather_end(EndFlags("from", str(tmp_path), blobs="x"), {})


def test_each_end_s_directory_says_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "holdfast.toml").write_text(
        'catalog = "postgresql://h@db/x"\nblobs = "s3://bucket/p"\ns3_endpoint = "http://s3"\nlisten = "0.0.0.0:9220"\n'
    )
    options = gather_end(EndFlags("to", str(tmp_path), s3_endpoint="http://other"), {})
    assert isinstance(options, StoreOptions)
    assert options.catalog is not None and options.catalog.url == "postgresql://h@db/x"
    assert options.bucket is not None and (options.bucket.prefix, options.bucket.endpoint) == ("p", "http://other")
