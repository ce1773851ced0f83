"""A rebuild that is cut short at any step leaves a store that is as it was, or is refused, and can begin again."""

import errno

import pytest

from holdfast.model.errors import Unavailable
from holdfast.testing.faulty_disk import FaultyDisk
from tests.backends import embedded_only
from tests.records.rig import Store

FEW = 200


class CutShort(Exception):
    pass


def filled(store: Store) -> dict[str, object]:
    with store.opened():
        for turn in range(3):
            store.back_up({"a": bytes([turn]), "same": b"s"})
        store.delete_point(store.points()[1])
    with store.opened():
        store.back_up({"b": b"b"}, source="work")
        return store.says()


def test_cut_short_while_it_reads_and_writes(store: Store) -> None:
    before = filled(store)
    store.lose_catalog()
    cuts = 0
    for last in range(FEW):
        steps = 0

        def progress(what: str, done: int, total: int, last: int = last) -> None:
            nonlocal steps
            steps += 1
            if steps > last:
                raise CutShort

        try:
            store.rebuild(progress=progress)
            break
        except CutShort:
            cuts += 1
        with pytest.raises(Unavailable, match="holdfast rebuild"):
            store.open()
    assert cuts > 10
    with store.opened():
        assert store.says() == before


@embedded_only("the catalog is a file; of PostgreSQL's see test_rebuild_on_postgres")
@pytest.mark.parametrize("verb", ["sync", "sync_directory", "link", "replace", "remove"])
@pytest.mark.parametrize("catalog", ["lost", "whole", "damaged"])
def test_refused_by_the_disk_while_the_catalogs_change_places(store: Store, catalog: str, verb: str) -> None:
    before = filled(store)
    path = store.folder / "catalog"
    if catalog == "lost":
        store.lose_catalog()
    elif catalog == "damaged":
        path.write_bytes(b"no database at all" * 300)
        (store.folder / "catalog-wal").write_bytes(b"no log either")
    failures = 0
    for calls in range(FEW):
        disk = FaultyDisk()
        disk.fail(verb, errno.EIO, after=calls)
        try:
            store.rebuild(replace=True, disk=disk)
        except Unavailable:
            failures += 1
        else:
            break
        # Whatever lies there now is the old catalog, the new one, or nothing that would be opened.
        if catalog == "whole":
            with store.opened():
                assert store.says() == before
        else:
            _opens_right_or_not_at_all(store, before)
    else:
        raise AssertionError("it never went through")
    if verb in ("sync", "sync_directory", "replace"):
        assert failures
    with store.opened():
        assert store.says() == before
    if catalog != "lost":
        assert (store.folder / "catalog.replaced-1").exists()
    assert not list(store.folder.glob("catalog.rebuilding*"))


def _opens_right_or_not_at_all(store: Store, before: dict[str, object]) -> None:
    try:
        store.open()
    except Unavailable:
        with pytest.raises(Unavailable, match="rebuild"):
            store.open()
    else:
        assert store.says() == before
        store.close()


@embedded_only("the catalog is a file")
def test_the_log_of_the_old_catalog_never_lies_beside_the_new_one(store: Store) -> None:
    before = filled(store)
    (store.folder / "catalog").write_bytes(b"no database at all" * 300)
    (store.folder / "catalog-wal").write_bytes(b"no log either")
    assert store.rebuild().is_whole
    assert (store.folder / "catalog.replaced-1-wal").read_bytes() == b"no log either"
    assert not (store.folder / "catalog-wal").exists()
    with store.opened():
        assert store.says() == before
