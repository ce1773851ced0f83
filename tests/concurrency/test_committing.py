"""Commit, stop and expiry against everything that writes: what is acknowledged is in the recovery point."""

import threading
from collections.abc import Callable

import pytest

from holdfast.model.errors import InvalidState, NotFound, Transient, Unavailable
from holdfast.records import manifest_parts
from tests.concurrency.stage import Stage
from tests.dataplane.rig import summary

Writing = Callable[[Stage, str, str], object]
"""What a slow writer does: (stage, job, upload)."""

WRITINGS: dict[str, Writing] = {
    "StartObject": lambda stage, job, upload: stage.slow("StartObject", BackupJobId=job, ObjectName="new"),
    "PutChunk": lambda stage, job, upload: stage.slow(
        "PutChunk", Data=b"late", **stage.chunk_params(job, upload, 1, b"late")
    ),
    "PutChunk before its body": lambda stage, job, upload: stage.slow_early(
        **stage.chunk_params(job, upload, 1, b"first")
    ),
    "NotifyObjectComplete": lambda stage, job, upload: stage.slow(
        "NotifyObjectComplete",
        BackupJobId=job,
        UploadId=upload,
        ObjectChecksum=summary(b"first"),
        ObjectChecksumAlgorithm="SUMMARY",
        MetadataBlob=b"blob",
    ),
    "PutObject": lambda stage, job, upload: stage.slow(
        "PutObject", BackupJobId=job, ObjectName="new", InlineChunk=b"late"
    ),
    "DeleteObject": lambda stage, job, upload: stage.slow("DeleteObject", BackupJobId=job, ObjectName="old"),
}

ENDINGS: dict[str, Callable[[Stage, str], object]] = {
    "commit": lambda stage, job: stage.commit(job, DropOpenUploads=True),
    "stop": lambda stage, job: stage.control("StopBackupJob", BackupJobId=job),
    "expiry": lambda stage, job: (stage.let_leases_end(), stage.expire()),
}


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit of two objects takes several steps: begin, a part of the manifest for each object, end."""
    monkeypatch.setattr(manifest_parts, "_OBJECTS_A_PART", 1)


MOMENTS = range(4)
OWN = {"old": b"old", "own": b"own", "own2": b"own2"}


def begun(stage: Stage) -> tuple[str, str]:
    """A running job with an inherited object, two objects of its own and an open upload of one chunk."""
    first = stage.start()
    stage.put(first, "old", b"old")
    stage.commit(first)
    job = stage.start()
    stage.put(job, "own", b"own")
    stage.put(job, "own2", b"own2")
    upload = stage.open_upload(job, "x")
    stage.put_chunk(job, upload, 0, b"first")
    return job, upload


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("writing", WRITINGS)
def test_what_is_under_way_when_its_job_ends_is_refused(stage: Stage, writing: str, ending: str) -> None:
    job, upload = begun(stage)
    stage.stops.before("submit", lambda: ENDINGS[ending](stage, job))
    with pytest.raises(InvalidState):
        WRITINGS[writing](stage, job, upload)
    assert stage.stops.all_reached
    newest = stage.contents(stage.restore(stage.points()[0]))
    assert newest == (OWN if ending == "commit" else {"old": b"old"})
    stage.sweep()
    assert stage.contents(stage.restore(stage.points()[0])) == newest


@pytest.mark.parametrize("writing", WRITINGS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_what_comes_during_a_commit_is_refused_or_in_it(stage: Stage, writing: str, moment: int) -> None:
    """Each writer comes before each step of the commit."""
    job, upload = begun(stage)
    done: list[object] = []

    def write() -> None:
        try:
            done.append(WRITINGS[writing](stage, job, upload))
        except InvalidState:
            done.append(None)

    stage.stops.before("submit", write, after=moment)
    stage.slow("CommitBackupJob", BackupJobId=job, DropOpenUploads=True)
    assert stage.stops.all_reached
    (point, _) = stage.points()
    expected = dict(OWN)
    if done and done[0] is not None:
        assert moment == 0
        expected |= {"NotifyObjectComplete": {"x": b"first"}, "PutObject": {"new": b"late"}}.get(writing, {})
        if writing == "DeleteObject":
            del expected["old"]
    restore = stage.restore(point)
    assert stage.contents(restore) == expected
    described = stage.control("DescribeRecoveryPoint", BackupVaultName="default", RecoveryPointArn=arn(stage, point))
    assert described["BackupSizeInBytes"] == sum(map(len, expected.values()))


def arn(stage: Stage, point: str) -> str:
    listed = stage.control("ListRecoveryPointsByBackupVault", BackupVaultName="default")["RecoveryPoints"]
    return next(str(one["RecoveryPointArn"]) for one in listed if point in str(one["RecoveryPointArn"]))  # type: ignore[attr-defined]


@pytest.mark.parametrize("ending", ["stop", "expiry"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_commit_of_a_job_that_ends_on_its_way_makes_no_recovery_point(stage: Stage, moment: int, ending: str) -> None:
    job, _ = begun(stage)
    before = stage.points()
    stage.stops.before("submit", lambda: ENDINGS[ending](stage, job), after=moment)
    with pytest.raises((InvalidState, NotFound)):
        stage.slow("CommitBackupJob", BackupJobId=job, DropOpenUploads=True)
    assert stage.state(job) == {"stop": "ABORTED", "expiry": "EXPIRED"}[ending]
    assert stage.stops.all_reached
    assert stage.points() == before
    stage.sweep()
    following = stage.start()
    newest = stage.contents(stage.restore(before[0]))
    assert stage.contents(following) == newest


def test_two_commits_of_one_job_are_one_and_say_the_same(stage: Stage) -> None:
    job, _ = begun(stage)
    answers: list[object] = []

    def commit() -> None:
        answers.append(stage.call("CommitBackupJob", BackupJobId=job, DropOpenUploads=True))

    threads = [threading.Thread(target=commit) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 6
    assert all(answer == answers[0] for answer in answers)
    assert len(stage.points()) == 2


def test_a_commit_that_another_process_took_up_is_not_made_twice(stage: Stage) -> None:
    """The lock of one commit is the process's own; between processes the transaction decides, and both are told."""
    job, _ = begun(stage)
    stage.stops.before("submit", lambda: stage.commit(job, DropOpenUploads=True), after=1)
    answer = stage.slow("CommitBackupJob", BackupJobId=job, DropOpenUploads=True)
    assert stage.stops.all_reached
    assert stage.state(job) == "COMPLETED"
    assert len(stage.points()) == 2
    assert answer == stage.call("CommitBackupJob", BackupJobId=job)
    assert str(answer["RecoveryPointArn"]).endswith(stage.points()[0])
    assert stage.contents(stage.restore(stage.points()[0])) == OWN


def test_a_commit_that_another_process_has_begun_anew_is_left_to_it(stage: Stage) -> None:
    """Both are on their way: the parts of the later edition are the manifest, and those of the first are not in it."""
    job, _ = begun(stage)
    later = stage.committer()

    def begin_anew() -> None:
        # It gets as far as its first part, and goes on only after the first one has come to its end.
        stage.stops.before("submit", give_up, after=1)
        with pytest.raises(KeyboardInterrupt):
            later.commit_backup_job({"BackupJobId": job, "DropOpenUploads": True})

    def give_up() -> None:
        raise KeyboardInterrupt

    stage.stops.before("submit", begin_anew, after=2)
    with pytest.raises(Transient, match="begun anew by another request"):
        stage.slow("CommitBackupJob", BackupJobId=job, DropOpenUploads=True)
    assert stage.stops.all_reached
    assert len(stage.points()) == 1
    stage.commit(job, DropOpenUploads=True)
    assert stage.contents(stage.restore(stage.points()[0])) == OWN


def test_a_commit_that_was_overtaken_by_one_that_failed_may_be_asked_for_again(stage: Stage) -> None:
    """The later one met trouble on our side and left the job RUNNING: no client is told that its request is wrong."""
    job, _ = begun(stage)
    later = stage.committer()

    def overtake_and_fail() -> None:
        stage.stops.before("submit", fail, after=1)
        with pytest.raises(Unavailable):
            later.commit_backup_job({"BackupJobId": job, "DropOpenUploads": True})
        assert stage.state(job) == "RUNNING"

    def fail() -> None:
        raise Unavailable("the disk cannot be reached")

    stage.stops.before("submit", overtake_and_fail, after=2)
    with pytest.raises(Transient, match="begun anew by another request"):
        stage.slow("CommitBackupJob", BackupJobId=job, DropOpenUploads=True)
    assert stage.stops.all_reached
    stage.commit(job, DropOpenUploads=True)
    assert stage.contents(stage.restore(stage.points()[0])) == OWN


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_base_of_a_commit_may_be_deleted_at_any_moment_of_it(stage: Stage, moment: int) -> None:
    job, _ = begun(stage)
    (base,) = stage.points()

    def delete() -> None:
        stage.delete_point(base)
        stage.sweep()

    stage.stops.before("submit", delete, after=moment)
    stage.slow("CommitBackupJob", BackupJobId=job, DropOpenUploads=True)
    assert stage.stops.all_reached
    stage.sweep()
    (point,) = stage.points()
    assert stage.contents(stage.restore(point)) == OWN


def test_a_commit_while_sixteen_writers_go_on_holds_exactly_what_was_acknowledged(stage: Stage) -> None:
    job = stage.start()
    acknowledged: list[str] = []
    go_on = threading.Event()

    def write(client: int) -> None:
        for number in range(200):
            name = f"{client}/{number}"
            try:
                stage.put(job, name, name.encode())
            except InvalidState:
                return
            acknowledged.append(name)
            if len(acknowledged) > 100:
                go_on.set()

    threads = [threading.Thread(target=write, args=(client,)) for client in range(16)]
    for thread in threads:
        thread.start()
    go_on.wait(60)
    point = stage.commit(job)
    for thread in threads:
        thread.join()
    assert stage.names(stage.restore(point)) == sorted(acknowledged)
