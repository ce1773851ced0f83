"""Two nodes of one store at the same time: whatever one of them acknowledged, the other knows."""

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.chunks.packs import pack_name
from holdfast.model.errors import (
    ChecksumMismatch,
    DataExists,
    HoldfastError,
    InvalidState,
    NotFound,
    Transient,
)
from tests.backends import Backend, Place
from tests.concurrency.nodes import Node, at_once

DATA = random.Random(1).randbytes(5000)
ROUNDS = 25

pytestmark = pytest.mark.parametrize("backend", ["shared"], indirect=True)
"""A store in a directory has one process, or several of one machine (tests/cli)."""


@pytest.fixture
def place(backend: Backend, tmp_path: Path) -> Place:
    return backend.place(tmp_path / "store")


@pytest.fixture
def nodes(place: Place) -> Iterator[tuple[Node, Node]]:
    opened = [Node(place.options())]
    opened.append(Node(place.node("second")))
    yield opened[0], opened[1]
    for node in opened:
        node.close()


def test_an_upload_through_two_nodes_is_one_object(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    job = one.start()
    upload = two.open_upload(job, "x")
    parts = [random.Random(number).randbytes(3000 + number) for number in range(24)]
    at_once(*(lambda n=n, part=part: nodes[n % 2].put_chunk(job, upload, n, part) for n, part in enumerate(parts)))  # type: ignore[misc]
    two.complete(job, upload, *parts)
    assert one.contents(job) == {"x": b"".join(parts)}
    point = one.commit(job)
    assert two.read(point) == {"x": b"".join(parts)}


def test_the_same_chunk_through_two_nodes_at_the_same_moment_is_stored_once_and_answered_twice(
    nodes: tuple[Node, Node],
) -> None:
    one, two = nodes
    job, other = one.start("one"), two.start("two")
    for number in range(ROUNDS):
        data = random.Random(number).randbytes(4000 + number)
        outcomes = at_once(
            lambda data=data: one.put(job, f"{len(data)}", data),  # type: ignore[misc]
            lambda data=data: two.put(other, f"{len(data)}", data),  # type: ignore[misc]
        )
        assert outcomes == [None, None]
    assert one.fetch("SELECT count(*) FROM chunks WHERE raw_bytes >= 4000") == [(ROUNDS,)]
    assert one.contents(other) == two.contents(job)


def test_the_same_index_of_an_upload_through_two_nodes_holds_what_was_acknowledged(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    job = one.start()
    upload = one.open_upload(job, "x")
    kept: list[bytes] = []
    for index in range(ROUNDS):
        outcomes = at_once(
            lambda index=index: one.put_chunk(job, upload, index, b"one %d" % index),  # type: ignore[misc]
            lambda index=index: two.put_chunk(job, upload, index, b"two %d" % index),  # type: ignore[misc]
        )
        refused = [place for place, outcome in enumerate(outcomes) if isinstance(outcome, DataExists)]
        assert len(refused) == 1 and outcomes.count(None) == 1, outcomes
        kept.append(b"%s %d" % ((b"two", b"one")[refused[0]], index))
    one.complete(job, upload, *kept)
    assert two.chunks(job, "x") == list(enumerate(kept))


def test_a_chunk_and_the_completion_of_its_upload_at_two_nodes_never_leave_a_chunk_beyond_the_summary(
    nodes: tuple[Node, Node],
) -> None:
    one, two = nodes
    job = one.start()
    came_to: set[str] = set()
    for number in range(ROUNDS):
        upload = one.open_upload(job, f"x{number}")
        one.put_chunk(job, upload, 0, b"first")
        put, completed = at_once(
            lambda upload=upload: two.put_chunk(job, upload, 1, b"second"),  # type: ignore[misc]
            lambda upload=upload: one.complete(job, upload, b"first"),  # type: ignore[misc]
        )
        if completed is None:
            assert isinstance(put, InvalidState)
            assert two.chunks(job, f"x{number}") == [(0, b"first")]
            came_to.add("completed")
        else:
            assert put is None and isinstance(completed, ChecksumMismatch)
            two.complete(job, upload, b"first", b"second")
            assert one.chunks(job, f"x{number}") == [(0, b"first"), (1, b"second")]
            came_to.add("put")
    assert came_to


def test_of_two_nodes_that_put_one_name_one_stands(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    job = one.start()
    for number in range(ROUNDS):
        name = f"{number % 4}"
        assert at_once(lambda: one.put(job, name, b"one"), lambda: two.put(job, name, b"two")) == [None, None]  # noqa: B023
    found = two.contents(job)
    assert sorted(found) == ["0", "1", "2", "3"]
    assert set(found.values()) <= {b"one", b"two"}
    assert one.read(two.commit(job)) == found


def test_of_two_nodes_that_start_a_job_of_one_source_one_does(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    for number in range(8):
        outcomes = at_once(lambda: one.start(f"s{number}"), lambda: two.start(f"s{number}"))  # noqa: B023
        assert sorted(type(outcome) for outcome in outcomes if not isinstance(outcome, str)) == [InvalidState]


def test_a_commit_at_two_nodes_is_one_point_and_the_same_answer(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    for number in range(8):
        job = one.start(f"s{number}")
        for name in range(5):
            two.put(job, f"{name}", DATA[name:])
        outcomes = at_once(*(lambda node=node: node.call("CommitBackupJob", BackupJobId=job) for node in nodes))  # type: ignore[misc]  # noqa: B023
        answers = [outcome for outcome in outcomes if not isinstance(outcome, Transient)]
        assert answers
        again = two.call("CommitBackupJob", BackupJobId=job)
        assert all(answer == again for answer in answers), outcomes
        assert again["ObjectCount"] == 5
    assert one.fetch("SELECT count(*) FROM recovery_points") == [(8,)]
    # What the commit that did not count had written is not in the way.
    assert one.fetch("SELECT count(*) FROM manifest_drafts") == [(0,)]


def test_what_is_sent_to_one_node_when_another_commits_is_in_the_point_or_refused(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    job = one.start()
    acknowledged: list[str] = []
    enough = threading.Event()

    def write(client: int) -> None:
        for number in range(500):
            try:
                nodes[client % 2].put(job, f"{client}/{number}", b"%d" % client)
            except InvalidState:
                return
            acknowledged.append(f"{client}/{number}")
            if len(acknowledged) > 40:
                enough.set()

    threads = [threading.Thread(target=write, args=(client,)) for client in range(8)]
    for thread in threads:
        thread.start()
    enough.wait(60)
    point = two.commit(job)
    for thread in threads:
        thread.join()
    restore = one.call("StartRestoreJob", RecoveryPointArn=point, Metadata={})["RestoreJobId"]
    found, more = [], {}
    while True:
        page = one.call("ScanObjects", StorageJobId=restore, **more)
        found += [entry["Name"] for entry in page["ObjectList"]]
        if page["NextToken"] is None:
            break
        more = {"NextToken": page["NextToken"]}
    assert sorted(found) == sorted(acknowledged)


def test_a_collection_that_is_asked_of_both_nodes_takes_what_is_dead_and_nothing_else(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    kept: dict[str, dict[str, bytes]] = {}
    for number in range(6):
        job = nodes[number % 2].start(f"s{number}")
        contents = {f"{name}": random.Random(number * 10 + name).randbytes(2000) for name in range(4)} | {"same": DATA}
        for place, (name, data) in enumerate(contents.items()):
            nodes[place % 2].put(job, name, data)
        kept[one.commit(job)] = contents
    gone = list(kept)[::2]
    for point in gone:
        two.call("DeleteRecoveryPoint", BackupVaultName="default", RecoveryPointArn=point)
        del kept[point]
    assert at_once(one.collect, two.collect, one.collect, two.collect) == [None] * 4
    for point, contents in kept.items():
        assert one.read(point) == two.read(point) == contents
    assert one.fetch("SELECT count(*) FROM chunks WHERE raw_bytes = 2000") == [(3 * 4,)]
    assert one.fetch("SELECT count(*) FROM doomed_packs") == [(0,)]


def test_uploads_through_two_nodes_go_on_while_both_are_asked_to_collect(nodes: tuple[Node, Node]) -> None:
    stop = threading.Event()
    troubles: list[str] = []

    def back_up(client: int) -> None:
        try:
            for number in range(5):
                node, other = nodes[client % 2], nodes[(client + number) % 2]
                job = node.start(f"s{client}")
                contents = {f"{name}": bytes([name]) * 5000 for name in range(3)} | {"own": b"%d" % client * 900}
                for name, data in contents.items():
                    other.put(job, name, data)
                point = node.commit(job)
                if other.read(point) != contents:
                    troubles.append(f"{client} {number} differs")
                other.call("DeleteRecoveryPoint", BackupVaultName="default", RecoveryPointArn=point)
        except HoldfastError as error:
            troubles.append(f"{client}: {error!r}")

    def collect(node: Node) -> None:
        while not stop.is_set():
            node.call("CollectGarbage", Seconds=1)

    collectors = [threading.Thread(target=collect, args=(node,)) for node in nodes]
    clients = [threading.Thread(target=back_up, args=(client,)) for client in range(4)]
    for thread in [*collectors, *clients]:
        thread.start()
    for thread in clients:
        thread.join()
    stop.set()
    for thread in collectors:
        thread.join()
    assert troubles == []
    nodes[0].collect()
    assert nodes[1].fetch("SELECT count(*) FROM object_chunks") == [(0,)]


def test_a_node_that_was_taken_for_dead_goes_on_under_another_number_and_no_request_fails(
    nodes: tuple[Node, Node],
) -> None:
    one, two = nodes
    job = one.start()
    before = {row[0] for row in one.fetch("SELECT writer_no FROM writers WHERE ended = 0")}
    stop = threading.Event()
    acknowledged: dict[str, bytes] = {}
    troubles: list[HoldfastError] = []

    def write(client: int) -> None:
        number = 0
        # Each leaves a pack that is to be removed at the end; what matters is that some are always under way.
        while not stop.wait(0.02):
            name = f"{client}/{number % 5}"
            data = b"%d %d" % (client, number) * 100
            try:
                one.put(job, name, data)
            except HoldfastError as error:
                troubles.append(error)
                return
            acknowledged[name] = data
            number += 1

    threads = [threading.Thread(target=write, args=(client,)) for client in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        two.end_writers()
        two.call("CollectGarbage", Seconds=1)
        stop.wait(0.2)
    stop.set()
    for thread in threads:
        thread.join()
    assert troubles == []
    assert two.contents(job) == acknowledged
    after = {row[0] for row in one.fetch("SELECT writer_no FROM writers WHERE ended = 0")}
    assert after and not after & before
    point = one.commit(job)
    two.collect()
    assert two.read(point) == acknowledged


def test_whatever_is_asked_of_a_node_that_was_taken_for_dead_is_done(nodes: tuple[Node, Node]) -> None:
    one, two = nodes

    def dead() -> Node:
        two.end_writers()
        return one

    dead().call("CreateBackupVault", BackupVaultName="tower")
    job = dead().start()
    upload = dead().open_upload(job, "x")
    dead().put_chunk(job, upload, 3, DATA)
    dead().complete(job, upload, DATA)
    dead().put(job, "y", b"gone")
    dead().call("DeleteObject", BackupJobId=job, ObjectName="y")
    dead().call("RotateVaultKey", BackupVaultName="default")
    point = dead().commit(job)
    assert dead().read(point) == {"x": DATA}
    other = dead().start("other")
    dead().call("StopBackupJob", BackupJobId=other)
    dead().collect()
    assert dead().call("VerifyStore")["Damages"] == []
    assert two.read(point) == {"x": DATA}
    dead().call("DeleteRecoveryPoint", BackupVaultName="default", RecoveryPointArn=point)
    dead().collect()
    assert two.fetch("SELECT count(*) FROM object_chunks") == [(0,)]


def test_what_a_node_left_when_it_died_between_pack_and_transaction_does_not_stay(
    nodes: tuple[Node, Node], place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = nodes
    job = one.start()
    two.put(job, "kept", DATA)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(two.system.commits._packs, "last_step", die)
        with pytest.raises(HoldfastError):
            two.put(job, "lost", DATA[::-1])
    known = {pack_name(*row) for row in one.fetch("SELECT v.uid, p.uid FROM packs p JOIN vaults v USING (vault_no)")}
    filled = {
        pack_name(*row)
        for row in one.fetch("SELECT v.uid, p.uid FROM packs p JOIN vaults v USING (vault_no) WHERE bytes IS NOT NULL")
    }
    [orphan] = set(place.names()) - filled
    assert orphan in known
    one.end_writers()
    one.collect()
    assert orphan not in place.names()
    assert one.contents(job) == {"kept": DATA}


def test_a_vaults_key_that_one_node_made_opens_what_another_reads(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    job = one.start()
    one.put(job, "old", DATA)
    assert two.contents(job) == {"old": DATA}
    one.call("RotateVaultKey", BackupVaultName="default")
    one.put(job, "new", DATA[::-1])
    two.put(job, "other", DATA[1:])
    expected = {"old": DATA, "new": DATA[::-1], "other": DATA[1:]}
    assert one.contents(job) == two.contents(job) == expected
    two.call("RotateVaultKey", BackupVaultName="default")
    point = two.commit(job)
    one.collect()
    assert one.read(point) == two.read(point) == expected


def test_a_vault_that_one_node_made_is_written_to_and_destroyed_at_another(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    one.call("CreateBackupVault", BackupVaultName="tower")
    arn = "arn:aws:holdfast:local:000000000000:source/x"
    role = "arn:aws:iam::000000000000:role/backup"
    start = {"BackupVaultName": "tower", "ResourceArn": arn, "IamRoleArn": role}
    job = str(two.call("StartBackupJob", **start)["BackupJobId"])
    two.put(job, "x", DATA)
    assert one.contents(job) == {"x": DATA}
    one.call("StopBackupJob", BackupJobId=job)
    with pytest.raises(InvalidState):
        two.put(job, "y", DATA)
    two.call("DestroyVaultKeys", BackupVaultName="tower", Confirm="tower")
    with pytest.raises(NotFound):
        one.call("StartBackupJob", **start)


def test_what_one_node_moved_or_removed_another_finds_or_is_told(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    job = one.start()
    one.put(job, "x", DATA)
    gone = one.commit(job)
    kept = one.start("kept")
    one.put(kept, "x", DATA)
    point = one.commit(kept)
    restore = str(two.call("StartRestoreJob", RecoveryPointArn=gone, Metadata={})["RestoreJobId"])
    # Whatever the second node remembers of the packs, it must not be what it answers with.
    assert two.contents(restore) == two.read(point) == {"x": DATA}
    one.call("DeleteRecoveryPoint", BackupVaultName="default", RecoveryPointArn=gone)
    one.call("RotateVaultKey", BackupVaultName="default")
    one.collect()
    assert two.read(point) == {"x": DATA}
    with pytest.raises(NotFound):
        two.contents(restore)
