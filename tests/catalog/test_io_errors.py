"""The disk of the catalog fails at any write and sync: no false acknowledgement, no row lost, and it goes on after."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from holdfast.catalog.sqlite import SqliteCatalog
from holdfast.catalog.transaction import Tx
from holdfast.model.errors import DiskFull, Unavailable
from holdfast.testing.faulty_vfs import FaultyVfs

VFS = "faulty-catalog"


@pytest.fixture
def vfs() -> Iterator[FaultyVfs]:
    vfs = FaultyVfs(VFS)
    yield vfs
    vfs.unregister()


@pytest.fixture
def catalog(tmp_path: Path, vfs: FaultyVfs) -> Iterator[SqliteCatalog]:
    (tmp_path / "live").mkdir()
    catalog = SqliteCatalog(tmp_path / "live" / "catalog", vfs=VFS)
    catalog.run([lambda tx: tx.run("CREATE TABLE things (number INTEGER PRIMARY KEY, text TEXT NOT NULL)")])
    yield catalog
    catalog.close()


def insert(number: int) -> Callable[[Tx], object]:
    return lambda tx: tx.insert("things", ("number", "text"), [(number * 10 + i, "x" * 1500) for i in range(4)])


def numbers(catalog: SqliteCatalog) -> set[int]:
    with catalog.snapshot() as tx:
        found = [row[0] for row in tx.all("SELECT number FROM things ORDER BY number")]
    assert len(found) % 4 == 0, "a transaction is there whole or not at all"
    return {number // 10 for number in found}


def after_a_crash(live: Path, copy: Path) -> set[int]:
    copy.mkdir()
    for name in ("catalog", "catalog-wal"):
        shutil.copy(live / name, copy / name)
    with closing(SqliteCatalog(copy / "catalog")) as reopened:
        found = numbers(reopened)
    shutil.rmtree(copy)
    return found


@pytest.mark.parametrize("error", ["full", "io"])
@pytest.mark.parametrize(("verb", "calls"), [("write", 20), ("sync", 3)])
def test_an_error_at_any_call_fails_that_transaction_alone(
    tmp_path: Path, catalog: SqliteCatalog, vfs: FaultyVfs, verb: str, calls: int, error: str
) -> None:
    acknowledged: set[int] = set()
    failed = 0
    for number in range(1, 60):
        vfs.fail(verb, error=error, call=number % calls + 1)
        refusal: type[Unavailable] | None = None
        try:
            catalog.run([insert(number)])
            acknowledged.add(number)
        except Unavailable as refused:
            refusal = type(refused)
            failed += 1
        vfs.heal()
        assert refusal in (None, DiskFull if error == "full" else Unavailable)
        assert numbers(catalog) == acknowledged, "what was refused is not seen, what was acknowledged is"
        survived = after_a_crash(tmp_path / "live", tmp_path / "copy")
        # What was refused at its sync may be on disk all the same; the next transaction overwrites it.
        assert acknowledged <= survived <= acknowledged | {number}
        if number % 15 == 0:
            catalog.fold_log()
    assert failed >= 4
    assert len(acknowledged) >= 10


@pytest.mark.parametrize("error", ["full", "io"])
def test_an_error_while_the_log_is_folded_in_loses_nothing(
    tmp_path: Path, catalog: SqliteCatalog, vfs: FaultyVfs, error: str
) -> None:
    acknowledged: set[int] = set()
    for number in range(1, 25):
        catalog.run([insert(number)])
        acknowledged.add(number)
        vfs.fail("write", "sync", "truncate", error=error, call=number)
        with suppress(Unavailable):
            catalog.fold_log()
        vfs.heal()
        assert numbers(catalog) == acknowledged
        assert after_a_crash(tmp_path / "live", tmp_path / "copy") == acknowledged


def test_a_disk_that_fails_for_long_and_comes_back_needs_no_restart(
    tmp_path: Path, catalog: SqliteCatalog, vfs: FaultyVfs
) -> None:
    catalog.run([insert(1)])
    vfs.fail("write", "sync", "truncate", error="io", call=1, times=1_000_000)
    for number in range(2, 8):
        with pytest.raises(Unavailable):
            catalog.run([insert(number)])
        assert numbers(catalog) == {1}, "reading goes on"
    vfs.heal()
    catalog.run([insert(9)])
    assert numbers(catalog) == {1, 9}
    assert after_a_crash(tmp_path / "live", tmp_path / "copy") == {1, 9}


def test_a_snapshot_within_a_snapshot_is_a_mistake_of_ours(catalog: SqliteCatalog) -> None:
    with catalog.snapshot(), pytest.raises(AssertionError, match="one snapshot at a time"):
        numbers(catalog)
    assert numbers(catalog) == set()
