"""Group commit on a full disk: urgent work goes on, by the reserve; everything else waits until that is whole again."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.reserve import Reserve
from holdfast.chunks.commit import GroupCommit
from holdfast.chunks.packs import PackSet
from holdfast.chunks.port import Location
from holdfast.chunks.store import ChunkStore
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model.errors import DiskFull
from holdfast.model.outcome import Outcome
from holdfast.model.purpose import Purpose
from holdfast.testing.faulty_disk import FaultyDisk
from tests.chunks.conftest import unregistered
from tests.chunks.test_commit import record, sealed, together

MIB = 1 << 20
RESERVE = 2 * MIB


@pytest.fixture
def reserve(tmp_path: Path, disk: FaultyDisk) -> Reserve:
    return Reserve(tmp_path, RESERVE, disk=disk)


@pytest.fixture
def commit(blobs: LocalBlobs, ledger: Any, reserve: Reserve) -> Iterator[GroupCommit[Any]]:
    commit = GroupCommit(PackSet(blobs, unregistered), ledger, room=reserve)
    yield commit
    commit.close()


def put(commit: GroupCommit[Any], store: ChunkStore, keys: VaultKeys, data: bytes, *, urgent: bool = False) -> Location:
    frame = sealed(store, keys, data)
    return commit.submit([frame], record(frame), Purpose.FREE if urgent else Purpose.ADD)


def test_what_is_not_urgent_never_takes_the_reserve(
    store: ChunkStore, keys: VaultKeys, commit: GroupCommit[Any], disk: FaultyDisk, reserve: Reserve
) -> None:
    disk.room_bytes = 100
    with pytest.raises(DiskFull, match="holdfast gc"):
        put(commit, store, keys, b"ordinary")
    assert reserve.whole


def test_urgent_work_takes_the_reserve_and_nothing_else_is_taken_until_it_is_whole_again(
    store: ChunkStore, keys: VaultKeys, commit: GroupCommit[Any], disk: FaultyDisk, reserve: Reserve, ledger: Any
) -> None:
    disk.room_bytes = 100
    at = put(commit, store, keys, b"urgent", urgent=True)
    assert store.read(keys, ledger.rows()[0][0], at, 6) == b"urgent"
    assert not reserve.whole
    for ordinary in (lambda: put(commit, store, keys, b"x"), lambda: commit.submit([], lambda tx, _: None)):
        with pytest.raises(DiskFull, match="no room for the reserve yet"):
            ordinary()
    assert commit.submit([], lambda tx, _: "still", Purpose.FREE) == "still"
    disk.room_bytes = RESERVE + 2 * MIB
    put(commit, store, keys, b"ordinary again")
    assert reserve.whole
    assert len(ledger.rows()) == 2


def test_of_those_who_wait_together_the_urgent_go_through_and_the_others_are_told(
    store: ChunkStore, keys: VaultKeys, commit: GroupCommit[Any], disk: FaultyDisk, ledger: Any
) -> None:
    disk.room_bytes = 100
    results = together(
        commit,
        [
            lambda: put(commit, store, keys, b"first"),
            lambda: put(commit, store, keys, b"second", urgent=True),
            lambda: put(commit, store, keys, b"third"),
        ],
    )
    assert [type(result) for result in results] == [DiskFull, Location, DiskFull]
    assert len(ledger.rows()) == 1


def test_a_full_database_is_helped_like_a_full_pack(
    commit: GroupCommit[Any], ledger: Any, reserve: Reserve, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ledger.run

    def full_while_the_reserve_stands(steps: Any, purpose: Purpose) -> Any:
        if reserve.whole:
            raise DiskFull("database or disk is full")
        return run(steps, purpose)

    monkeypatch.setattr(ledger, "run", full_while_the_reserve_stands)
    with pytest.raises(DiskFull):
        commit.submit([], lambda tx, _: "ordinary")
    assert commit.submit([], lambda tx, _: "deleted", Purpose.FREE) == "deleted"


def test_a_step_that_was_done_in_vain_is_done_once_when_it_counts(
    commit: GroupCommit[Any], ledger: Any, reserve: Reserve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails_at_its_end(steps: Any, purpose: Purpose) -> list[Outcome]:
        with ledger.database:
            outcomes = [Outcome(value=step(ledger.database)) for step in steps]
            if reserve.whole:
                raise DiskFull("at the commit")
        return outcomes

    monkeypatch.setattr(ledger, "run", fails_at_its_end)
    commit.submit([], lambda tx, _: tx.execute("insert into stored values (1, 2, 3, 4, 5)").fetchall(), Purpose.FREE)
    assert len(ledger.rows()) == 1


def test_when_the_reserve_is_not_enough_the_urgent_are_told_too(
    store: ChunkStore, keys: VaultKeys, commit: GroupCommit[Any], disk: FaultyDisk, ledger: Any
) -> None:
    disk.room_bytes = 0
    with pytest.raises(DiskFull):
        put(commit, store, keys, os.urandom(RESERVE + 1), urgent=True)
    assert ledger.rows() == []


def test_many_threads_against_a_disk_that_fills_and_empties_lose_nothing(
    store: ChunkStore, keys: VaultKeys, commit: GroupCommit[Any], disk: FaultyDisk, ledger: Any
) -> None:
    stored: list[bytes] = []

    def write(client: int) -> None:
        for number in range(30):
            frame = sealed(store, keys, b"%d/%d" % (client, number))
            try:
                commit.submit([frame], record(frame), Purpose.FREE if client == 0 else Purpose.ADD)
            except DiskFull:
                continue
            stored.append(frame.chunk_id)

    disk.room_bytes = 500
    threads = [threading.Thread(target=write, args=(client,)) for client in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    disk.room_bytes = None
    assert sorted(row[0] for row in ledger.rows()) == sorted(stored)
    for row in ledger.rows():
        store.read(keys, *row)
