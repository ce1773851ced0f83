import errno
import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from holdfast.blobs.local import LocalBlobs
from holdfast.chunks.commit import GroupCommit, GroupReport
from holdfast.chunks.commit_options import CommitOptions
from holdfast.chunks.packs import PackSet
from holdfast.chunks.port import Location, SealedFrame
from holdfast.chunks.store import ChunkStore
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model.errors import HoldfastError, Internal, InvalidState, Unavailable
from holdfast.testing.faulty_disk import FaultyDisk
from tests.chunks.conftest import unregistered


def sealed(store: ChunkStore, keys: VaultKeys, data: bytes) -> SealedFrame:
    return store.seal(keys, data, hashlib.sha256(data).digest())


def record(frame: SealedFrame) -> Callable[[Any, Sequence[Location]], Location]:
    """A step that writes down where the one frame of a submission went, and returns it."""

    def apply(tx: Any, locations: Sequence[Location]) -> Location:
        (at,) = locations
        tx.execute(
            "insert into stored values (?, ?, ?, ?, ?)",
            (frame.chunk_id, at.pack, at.offset, at.frame_bytes, frame.raw_bytes),
        )
        return at

    return apply


class Hold:
    """A step that keeps the committing thread busy until it is let go, so that others gather behind it."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()

    def __call__(self, tx: object, locations: Sequence[Location]) -> None:
        self.begun.set()
        assert self.go.wait(120)


@pytest.fixture
def packs(blobs: LocalBlobs) -> PackSet:
    return PackSet(blobs, unregistered)


@pytest.fixture
def commit(packs: PackSet, ledger: Any) -> Iterator[GroupCommit[Any]]:
    commit = GroupCommit(packs, ledger)
    yield commit
    commit.close()


def together(commit: GroupCommit[Any], calls: Sequence[Callable[[], object]]) -> list[object]:
    """What each call returned or raised, all of them made while the committing thread was busy: one group."""
    hold = Hold()
    holder = threading.Thread(target=commit.submit, args=([], hold))
    holder.start()
    assert hold.begun.wait(120)
    results: list[object] = [None] * len(calls)

    def run(place: int) -> None:
        try:
            results[place] = calls[place]()
        except HoldfastError as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(calls))]
    for place, thread in enumerate(threads):
        thread.start()
        while len(commit._gathering._waiting) <= place and thread.is_alive():  # they come in the order given
            threading.Event().wait(0.001)
    hold.go.set()
    for thread in [holder, *threads]:
        thread.join(120)
        assert not thread.is_alive()
    return results


def test_what_is_answered_is_stored_and_recorded(
    store: ChunkStore, keys: VaultKeys, commit: GroupCommit[Any], ledger: Any
) -> None:
    frame = sealed(store, keys, b"data")
    location = commit.submit([frame], record(frame))
    assert ledger.rows() == [(frame.chunk_id, location, 4)]
    assert store.read(keys, frame.chunk_id, location, 4) == b"data"


def test_a_step_without_frames_needs_no_pack(commit: GroupCommit[Any], disk: FaultyDisk) -> None:
    assert commit.submit([], lambda tx, locations: (list(locations), "value")) == ([], "value")
    assert disk.calls == []


def test_those_who_wait_together_share_one_sync_and_one_transaction(
    store: ChunkStore, keys: VaultKeys, commit: GroupCommit[Any], ledger: Any, disk: FaultyDisk
) -> None:
    frames = [sealed(store, keys, b"chunk %d" % i) for i in range(20)]
    calls = [lambda frame=frame: commit.submit([frame], record(frame)) for frame in frames]
    locations = together(commit, calls)
    assert disk.count("sync") == 1
    assert ledger.groups == [1, 20]
    assert {(row[0], row[1]) for row in ledger.rows()} == {
        (frame.chunk_id, location) for frame, location in zip(frames, locations, strict=True)
    }


def test_the_same_chunk_twice_in_a_group_is_written_once_and_each_vault_has_its_own(
    store: ChunkStore, keys: VaultKeys, other_keys: VaultKeys, commit: GroupCommit[Any]
) -> None:
    frames = [sealed(store, keys, b"same"), sealed(store, keys, b"same"), sealed(store, other_keys, b"same")]
    first, second, theirs = together(
        commit, [lambda frame=frame: commit.submit([frame], record(frame)) for frame in frames]
    )
    assert first == second != theirs
    assert store.read(keys, frames[0].chunk_id, first, 4) == b"same"
    assert store.read(other_keys, frames[2].chunk_id, theirs, 4) == b"same"


def test_an_error_in_one_step_is_that_callers_alone(
    store: ChunkStore, keys: VaultKeys, commit: GroupCommit[Any], ledger: Any
) -> None:
    frames = [sealed(store, keys, b"chunk %d" % i) for i in range(3)]

    def refuse(tx: Any, locations: Sequence[Location]) -> Location:
        record(frames[1])(tx, locations)
        raise InvalidState("the job is over")

    applies = [record(frames[0]), refuse, record(frames[2])]
    results = together(commit, [lambda i=i: commit.submit([frames[i]], applies[i]) for i in range(3)])
    assert isinstance(results[1], InvalidState)
    assert [row[0] for row in ledger.rows()] == [frames[0].chunk_id, frames[2].chunk_id]


@pytest.mark.parametrize(("verb", "error"), [("sync", errno.EIO), ("write", errno.ENOSPC), ("create", errno.EIO)])
def test_one_failure_of_the_disk_is_mended_by_writing_the_frames_anew(
    store: ChunkStore, keys: VaultKeys, commit: GroupCommit[Any], disk: FaultyDisk, verb: str, error: int
) -> None:
    disk.fail(verb, error)
    frame = sealed(store, keys, b"data")
    location = commit.submit([frame], record(frame))
    assert store.read(keys, frame.chunk_id, location, 4) == b"data"


def test_after_a_failed_sync_that_pack_is_never_synced_or_written_again(
    store: ChunkStore, keys: VaultKeys, commit: GroupCommit[Any], disk: FaultyDisk, blobs: LocalBlobs
) -> None:
    first = sealed(store, keys, b"first")
    kept = commit.submit([first], record(first))
    disk.fail("sync", errno.EIO)
    disk.calls.clear()
    for i in range(5):
        frame = sealed(store, keys, b"later %d" % i)
        location = commit.submit([frame], record(frame))
        assert location.pack != kept.pack
    touched = [(verb, path) for verb, path in disk.calls if kept.pack.hex() in str(path)]
    assert [verb for verb, _ in touched] == ["write", "sync"]
    assert store.read(keys, first.chunk_id, kept, 5) == b"first"


def test_a_disk_that_keeps_failing_is_everyones_error_and_nothing_is_recorded(
    store: ChunkStore, keys: VaultKeys, commit: GroupCommit[Any], ledger: Any, disk: FaultyDisk, blobs: LocalBlobs
) -> None:
    disk.fail("sync", errno.EIO, times=2)
    frames = [sealed(store, keys, b"chunk %d" % i) for i in range(4)]
    results = together(commit, [lambda frame=frame: commit.submit([frame], record(frame)) for frame in frames])
    assert [type(result) for result in results] == [Unavailable] * 4
    assert len({id(result) for result in results}) == 4
    assert ledger.rows() == []
    assert list(blobs.list("packs/")) == []
    location = commit.submit([frames[0]], record(frames[0]))
    assert store.read(keys, frames[0].chunk_id, location, 7) == b"chunk 0"


def test_a_failed_transaction_is_everyones_error_and_the_next_one_is_tried(
    store: ChunkStore, keys: VaultKeys, commit: GroupCommit[Any], ledger: Any
) -> None:
    frame = sealed(store, keys, b"data")
    ledger.refuse = True
    with pytest.raises(Unavailable, match="database is gone"):
        commit.submit([frame], record(frame))
    ledger.refuse = False
    commit.submit([frame], record(frame))
    assert len(ledger.rows()) == 1


def test_a_defect_reaches_the_callers_and_does_not_end_the_service(
    store: ChunkStore, keys: VaultKeys, commit: GroupCommit[Any], ledger: Any
) -> None:
    run = ledger.run
    for broken in (lambda steps, purpose: [], lambda steps, purpose: 1 / 0):
        ledger.run = broken
        with pytest.raises(Internal):
            commit.submit([], lambda tx, locations: None)
    ledger.run = run
    assert commit.submit([], lambda tx, locations: "fine") == "fine"


def test_close_answers_those_who_wait_and_refuses_those_who_come_later(
    store: ChunkStore, keys: VaultKeys, commit: GroupCommit[Any], ledger: Any
) -> None:
    frame = sealed(store, keys, b"data")
    closer = threading.Thread(target=commit.close)
    results = together(commit, [lambda: commit.submit([frame], record(frame)), closer.start])
    closer.join(120)
    assert not closer.is_alive()
    assert isinstance(results[0], Location)
    assert len(ledger.rows()) == 1
    with pytest.raises(Unavailable, match="stopping"):
        commit.submit([], lambda tx, locations: None)
    commit.close()


def test_groups_are_reported_and_bounded(store: ChunkStore, keys: VaultKeys, packs: PackSet, ledger: Any) -> None:
    reports: list[GroupReport] = []
    commit = GroupCommit(packs, ledger, CommitOptions(group_callers_max=3), observe=reports.append)
    frames = [sealed(store, keys, b"chunk %d" % i) for i in range(7)]
    together(commit, [lambda frame=frame: commit.submit([frame], record(frame)) for frame in frames])
    commit.close()
    assert [(report.callers, report.frames, report.failed) for report in reports] == [
        (1, 0, False), (3, 3, False), (3, 3, False), (1, 1, False)
    ]  # fmt: skip
    assert reports[1].frame_bytes == sum(frame.frame_bytes for frame in frames[:3])
    assert reports[1].seconds > 0


def test_a_group_ends_with_the_frame_that_reaches_its_bytes(
    store: ChunkStore, keys: VaultKeys, packs: PackSet, ledger: Any
) -> None:
    commit = GroupCommit(packs, ledger, CommitOptions(group_bytes_max=300))
    frames = [sealed(store, keys, b"chunk %d" % i) for i in range(6)]
    together(commit, [lambda frame=frame: commit.submit([frame], record(frame)) for frame in frames])
    commit.close()
    assert ledger.groups == [1, 3, 3]


def test_one_who_watches_and_falls_over_harms_nobody(packs: PackSet, ledger: Any) -> None:
    def fall_over(report: GroupReport) -> None:
        raise ZeroDivisionError

    commit = GroupCommit(packs, ledger, observe=fall_over)
    assert [commit.submit([], lambda tx, locations, i=i: i) for i in range(3)] == [0, 1, 2]
    commit.close()


def test_sixty_four_threads_lose_nothing(
    store: ChunkStore, keys: VaultKeys, commit: GroupCommit[Any], ledger: Any
) -> None:
    def write(client: int) -> None:
        for i in range(25):
            # Half of the chunks are the same for all clients.
            frame = sealed(store, keys, b"%d/%d" % (client if i % 2 else 0, i))
            commit.submit([frame], record(frame))

    threads = [threading.Thread(target=write, args=(client,)) for client in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = ledger.rows()
    assert len(rows) == 64 * 25
    assert {keys.chunk_id(hashlib.sha256(store.read(keys, *row)).digest()) for row in rows} == {row[0] for row in rows}
    assert len(ledger.groups) < 64 * 25 / 2
