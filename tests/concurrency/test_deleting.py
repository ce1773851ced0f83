"""Jobs and recovery points that begin, end and are deleted while others look, write, move and rotate keys."""

import threading

import pytest

from holdfast.catalog import records
from holdfast.catalog.transaction import Tx
from holdfast.model.errors import HoldfastError, InvalidState, NotFound
from holdfast.records import manifest_parts
from tests.concurrency.stage import Stage
from tests.concurrency.test_checking import frames_of
from tests.dataplane.rig import LEASE_US

DATA = bytes(range(256)) * 30
HOME = {
    "BackupVaultName": "default",
    "ResourceArn": "arn:aws:holdfast:local:000000000000:source/home",
    "IamRoleArn": "arn:aws:iam::000000000000:role/backup",
}


def test_of_many_jobs_of_one_source_that_begin_at_once_one_runs(stage: Stage) -> None:
    outcomes: list[str] = []

    def begin() -> None:
        try:
            outcomes.append(str(stage.control("StartBackupJob", **HOME)["BackupJobId"]))
        except InvalidState:
            outcomes.append("refused")

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("refused") == 7
    assert stage.count("backup_jobs") == 1


def test_a_reader_of_a_job_that_is_committed_meanwhile_keeps_its_moment(stage: Stage) -> None:
    job = stage.start()
    stage.put(job, "x", DATA)
    token = stage.token_of(job, "x")
    listed = stage.call("ListChunks", StorageJobId=job, ObjectToken=token)["ChunkList"]
    chunk = listed[0]["ChunkToken"]  # type: ignore[index]
    stage.stops.before("look", lambda: stage.commit(job))
    assert stage.slow("GetChunk", StorageJobId=job, ChunkToken=chunk)["Data"] == DATA
    assert stage.stops.all_reached
    with pytest.raises(NotFound, match="COMPLETED"):
        stage.slow("GetChunk", StorageJobId=job, ChunkToken=chunk)


@pytest.mark.parametrize("doing", ["compact", "rotate", "scrub"])
@pytest.mark.parametrize("moment", range(6))
def test_a_commit_is_whole_whatever_is_moved_sealed_anew_or_checked_meanwhile(
    stage: Stage, doing: str, moment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest_parts, "_OBJECTS_A_PART", 1)
    waste = stage.start("elsewhere")
    job = stage.start()
    stage.put(job, "x", DATA)
    stage.put(job, "y", DATA[::-1])
    stage.put(waste, "z", DATA * 9)
    stage.abort(waste)
    stage.close_packs()

    def meanwhile() -> None:
        if doing == "rotate":
            stage.rotate_key()
        if doing == "scrub":
            assert stage.checker().check(frames_of(stage)).damaged == 0
        stage.close_packs()
        stage.compact()

    stage.stops.before(("submit", "answer")[moment % 2], meanwhile, after=moment // 2)
    stage.slow("CommitBackupJob", BackupJobId=job)
    assert stage.stops.all_reached
    stage.close_packs()
    stage.compact()
    (point,) = stage.points()
    assert stage.contents(stage.restore(point)) == {"x": DATA, "y": DATA[::-1]}
    assert stage.checker().check(frames_of(stage)).damaged == 0
    assert stage.count("manifests m WHERE NOT EXISTS (SELECT 1 FROM chunks c WHERE c.chunk_no = m.chunk_no)") == 0


def test_a_point_that_many_delete_at_once_is_deleted_once_and_the_others_are_told(stage: Stage) -> None:
    job = stage.start()
    stage.put(job, "x", DATA)
    point = stage.commit(job)
    outcomes: list[str] = []

    def delete() -> None:
        try:
            stage.delete_point(point)
            outcomes.append("deleted")
        except NotFound:
            outcomes.append("not found")

    threads = [threading.Thread(target=delete) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Whoever comes before the record is in the packs writes it too, and may say so: asked again, it is told.
    assert "deleted" in outcomes
    assert set(outcomes) <= {"deleted", "not found"}
    assert stage.points() == []
    assert stage.count("records WHERE kind = 'DELETION'") == 1


def test_what_a_deleted_point_held_stays_until_the_packs_know_of_its_deletion(stage: Stage) -> None:
    """A catalog made from the packs in between shows the point whole, or not at all."""
    job = stage.start()
    stage.put(job, "x", DATA)
    point = stage.commit(job)
    stage.commits.submit((), lambda tx, _: _delete_without_telling(tx, point))
    care = stage.care()
    stage.close_packs()
    while care.step():
        pass
    assert stage.points() == []
    assert stage.count("object_chunks") == 1
    assert stage.recorder.settle()
    care.run()
    assert stage.count("object_chunks") == 0


def _delete_without_telling(tx: Tx, point: str) -> None:
    from holdfast.catalog import recovery_points

    row = recovery_points.find(tx, point)
    assert row is not None
    recovery_points.delete(tx, row)
    records.owe_deletion(tx, row.vault_no, row.uid, row.resource_arn, row.seq, 1)


@pytest.mark.parametrize("first", ["delete", "expire"])
def test_a_base_that_is_deleted_while_its_job_expires_leaves_nothing_and_harms_nobody(stage: Stage, first: str) -> None:
    oldest = stage.start()
    stage.put(oldest, "kept", DATA)
    kept = stage.commit(oldest)
    middle = stage.start()
    stage.put(middle, "gone", DATA[1:])
    base = stage.commit(middle)
    job = stage.start()
    stage.call("DeleteObject", BackupJobId=job, ObjectName="kept")
    stage.clock.us += LEASE_US + 1_000_000
    if first == "delete":
        stage.stops.before("submit", lambda: stage.delete_point(base))
        stage.slow_expire()
    else:
        stage.expire()
        stage.delete_point(base)
    stage.close_packs()
    stage.compact()
    assert stage.points() == [kept]
    assert stage.contents(stage.restore(kept)) == {"kept": DATA}
    following = stage.start()
    assert stage.contents(following) == {"kept": DATA}


def test_two_rotations_of_a_vaults_key_at_once_make_two_keys_and_lose_none(stage: Stage) -> None:
    job = stage.start()
    stage.put(job, "0", DATA)
    troubles: list[HoldfastError] = []

    def rotate() -> None:
        try:
            stage.rotate_key()
        except HoldfastError as error:
            troubles.append(error)

    def write(number: int) -> None:
        for place in range(10):
            stage.put(job, f"{number}/{place}", DATA[number + place :])

    threads = [threading.Thread(target=rotate) for _ in range(4)]
    threads += [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    with stage.catalog.snapshot() as tx:
        [(uid,)] = tx.all("SELECT uid FROM vaults")
    assert stage.ring.numbers(uid) == [1, 2, 3, 4, 5]
    found = stage.contents(job)
    assert found == {"0": DATA} | {f"{n}/{p}": DATA[n + p :] for n in range(4) for p in range(10)}
    stage.commit(job)
    stage.close_packs()
    stage.compact()
    assert stage.contents(stage.restore(stage.points()[0])) == found


def test_frames_that_two_check_at_once_are_marked_as_one_would(stage: Stage) -> None:
    job = stage.start()
    stage.put(job, "x", DATA)
    stage.close_packs()
    chosen = frames_of(stage)
    for name in stage.pack_files():
        stage.place.flip(name, 200)

    def other() -> None:
        assert stage.checker().check(chosen).damaged == 1

    stage.stops.before("submit", other)
    assert stage.checker().check(chosen).damaged == 1
    assert stage.stops.all_reached
    assert stage.count("chunks WHERE bad = 1") == 1
    stage.put(job, "y", DATA)
    assert stage.contents(job) == {"x": DATA, "y": DATA}
