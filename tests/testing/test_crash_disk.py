"""The crash disk itself: what it forgets, what it may not forget, and that a sync left out shows."""

import itertools
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast.blobs.local import LocalBlobs
from holdfast.catalog.sqlite import SqliteCatalog
from holdfast.testing.crash_disk import CrashDisk, History
from holdfast.testing.crash_states import CrashState, Kept, crash_states
from holdfast.testing.crash_vfs import CrashVfs
from torture import crash_states as section

ALL = 100_000
_numbers = itertools.count()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    return root


def states(history: History, directory: Path, *, limit: int = ALL) -> Iterator[tuple[CrashState, dict[str, bytes]]]:
    """Every state and the files in it."""
    for state in crash_states(history, limit, 7):
        at = directory / f"state-{next(_numbers)}"
        state.materialise(at)
        yield state, {str(path.relative_to(at)): path.read_bytes() for path in at.rglob("*") if path.is_file()}
        shutil.rmtree(at)


def test_what_was_synced_is_in_every_later_state(root: Path, tmp_path: Path) -> None:
    history = History(root)
    disk = CrashDisk(history)
    descriptor = disk.create(root / "file")
    disk.sync_directory(root)
    disk.write(descriptor, [b"a" * 1000, b"b" * 1000])
    disk.sync(descriptor)
    synced = history.position
    disk.write(descriptor, [b"c" * 1000])
    for state, files in states(history, tmp_path):
        if state.position >= synced:
            assert files["file"].startswith(b"a" * 1000 + b"b" * 1000)


def test_what_was_not_synced_may_be_there_torn_lost_or_only_as_long(root: Path, tmp_path: Path) -> None:
    history = History(root)
    disk = CrashDisk(history)
    descriptor = disk.create(root / "file")
    disk.sync_directory(root)
    named = history.position
    for _ in range(4):
        disk.write(descriptor, [b"x" * 512])
    found = {files["file"] for state, files in states(history, tmp_path) if state.position >= named}
    assert {b"", b"x" * 2048, bytes(2048)} <= found
    # The last write may come without those before it.
    assert bytes(1536) + b"x" * 512 in found
    sectors = {data[start : start + 512] for data in found for start in range(0, len(data), 512)}
    assert sectors == {b"x" * 512, bytes(512)}, "a sector is written whole or not at all"


def test_a_name_is_there_for_sure_only_after_its_directory_was_synced(root: Path, tmp_path: Path) -> None:
    history = History(root)
    disk = CrashDisk(history)
    disk.make_directory(root / "inner")
    descriptor = disk.create(root / "inner" / "file")
    disk.write(descriptor, [b"data"])
    disk.sync(descriptor)
    disk.sync_directory(root / "inner")
    before = history.position
    disk.sync_directory(root)
    seen: dict[int, set[bool]] = {position: set() for position in range(history.position + 1)}
    for state, files in states(history, tmp_path):
        seen[state.position].add("inner/file" in files)
    assert seen[before] == {True, False}, "its directory may be missing"
    assert seen[history.position] == {True}


def test_a_rename_is_done_or_not_and_loses_nothing(root: Path, tmp_path: Path) -> None:
    (root / "key").write_bytes(b"old")
    history = History(root)
    blobs = LocalBlobs(root, disk=CrashDisk(history))
    blobs.replace("key", b"new")
    done = history.position
    found = {(state.position == done, files["key"]) for state, files in states(history, tmp_path)}
    assert {data for _, data in found} == {b"old", b"new"}
    assert {data for last, data in found if last} == {b"new"}


def test_a_removed_file_may_come_back_until_its_directory_is_synced(root: Path, tmp_path: Path) -> None:
    (root / "file").write_bytes(b"data")
    history = History(root)
    disk = CrashDisk(history)
    disk.remove(root / "file")
    assert {"file" in files for _, files in states(history, tmp_path)} == {True, False}
    disk.sync_directory(root)
    last = [files for state, files in states(history, tmp_path) if state.position == history.position]
    assert last == [{}]


def test_the_same_seed_gives_the_same_states_and_a_limit_is_a_sample(root: Path, tmp_path: Path) -> None:
    history = History(root)
    blobs = LocalBlobs(root, disk=CrashDisk(history))
    for number in range(5):
        blobs.put(f"blob-{number}", bytes([number]) * 3000)
    once = [(state.position, state.kept, files) for state, files in states(history, tmp_path, limit=30)]
    again = [(state.position, state.kept, files) for state, files in states(history, tmp_path, limit=30)]
    assert once == again
    assert len(once) == 30
    assert {kept for _, kept, _ in once} > {Kept.ALL, Kept.SOME}
    assert [position for position, _, _ in once] == sorted(position for position, _, _ in once)


def test_a_put_is_whole_or_not_there_in_every_state(root: Path, tmp_path: Path) -> None:
    history = History(root)
    blobs = LocalBlobs(root, disk=CrashDisk(history))
    placed = []
    for number in range(3):
        blobs.put(f"deep/er/blob-{number}", bytes([number]) * 3000)
        placed.append(history.position)
    for state, files in states(history, tmp_path):
        for number, done in enumerate(placed):
            data = files.get(f"deep/er/blob-{number}")
            assert data == bytes([number]) * 3000 or (data is None and state.position < done)


def test_every_transaction_of_the_catalog_that_returned_is_in_every_state(root: Path, tmp_path: Path) -> None:
    history = History(root)
    vfs = CrashVfs("crash-transactions", history)
    catalog = SqliteCatalog(root / "catalog", vfs="crash-transactions")
    made = history.position
    catalog.run([lambda tx: tx.run("CREATE TABLE things (number INTEGER PRIMARY KEY, text TEXT)")])
    placed = []
    for number in range(6):
        catalog.run([lambda tx, n=number: tx.run("INSERT INTO things VALUES (:n, :text)", {"n": n, "text": "x" * 900})])
        placed.append(history.position)
        if number == 3:
            catalog.fold_log()
    catalog.close()
    vfs.unregister()
    looked = 0
    for state in crash_states(history, 120, 3, first=made):
        state.materialise(tmp_path / "state")
        reopened = SqliteCatalog(tmp_path / "state" / "catalog")
        with reopened.snapshot() as tx:
            exists = tx.one("SELECT 1 FROM sqlite_schema WHERE name = 'things'")
            rows = [row[0] for row in tx.all("SELECT number FROM things")] if exists else []
        reopened.close()
        shutil.rmtree(tmp_path / "state")
        known = sum(1 for done in placed if done <= state.position)
        assert len(rows) in (known, known + 1)
        assert rows == list(range(len(rows)))
        looked += 1
    assert looked == 120


class ForgetsPacks(CrashDisk):
    """Never syncs a pack."""

    def create(self, path: Path) -> int:
        descriptor = super().create(path)
        self.packs = getattr(self, "packs", set()) - {descriptor} | ({descriptor} if "packs" in path.parts else set())
        return descriptor

    def sync(self, descriptor: int) -> None:
        if descriptor not in self.packs:
            super().sync(descriptor)


class ForgetsBlobs(CrashDisk):
    """Never syncs what is put whole: keys."""

    def create(self, path: Path) -> int:
        descriptor = super().create(path)
        self.whole = getattr(self, "whole", set()) - {descriptor} | ({descriptor} if ".tmp" in path.parts else set())
        return descriptor

    def sync(self, descriptor: int) -> None:
        if descriptor not in self.whole:
            super().sync(descriptor)


class ForgetsPackNames(CrashDisk):
    """Never syncs a directory of packs."""

    def sync_directory(self, path: Path) -> None:
        if "packs" not in path.parts:
            super().sync_directory(path)


class ForgetsKeyNames(CrashDisk):
    """Never syncs a directory of keys."""

    def sync_directory(self, path: Path) -> None:
        if "keys" not in path.parts:
            super().sync_directory(path)


def first_loss(story: section.Story, directory: Path, limit: int) -> list[str]:
    story.play()
    for state in crash_states(story.history, limit, 1):
        wrong, _ = section.look(state, story.journal.ledger_at(state.position), directory / "state")
        shutil.rmtree(directory / "state")
        if wrong:
            return wrong
    return []


@pytest.mark.parametrize("disk", [ForgetsPacks, ForgetsBlobs, ForgetsPackNames, ForgetsKeyNames])
def test_a_sync_that_is_left_out_is_found(disk: Callable[[History], CrashDisk], tmp_path: Path) -> None:
    assert first_loss(section.Story(tmp_path / "store", random.Random(2), disk), tmp_path, 150)


def test_a_log_that_is_not_synced_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.testing.crash_vfs._CrashFile.xSync", lambda self, flags: None)
    assert first_loss(section.Story(tmp_path / "store", random.Random(2)), tmp_path, 150)
