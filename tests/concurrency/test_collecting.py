"""Collection against everything that refers to chunks: it is kept, or sent again, and never lost."""

import threading
from collections.abc import Callable

import pytest

from holdfast.catalog import packs
from holdfast.chunks.packs import pack_name
from holdfast.model.errors import HoldfastError, NotFound, Transient, Unavailable
from holdfast.records import manifest_parts
from tests.backends import Backend
from tests.concurrency.stage import Stage
from tests.concurrency.waste import BIG, leave_a_pack, lost, replace_writer
from tests.dataplane.rig import summary

Reusing = Callable[[Stage, str], object]


def put_object(stage: Stage, job: str) -> None:
    stage.slow("PutObject", BackupJobId=job, ObjectName="y", InlineChunk=BIG)


def put_chunk(stage: Stage, job: str) -> None:
    upload = stage.open_upload(job, "y")
    stage.slow("PutChunk", Data=BIG, **stage.chunk_params(job, upload, 0, BIG))
    stage.complete(job, upload, BIG)


def metadata(stage: Stage, job: str) -> None:
    upload = stage.open_upload(job, "y")
    stage.put_chunk(job, upload, 0, BIG)
    # The object keeps the chunk as a chunk of its own: only the blob's bytes are those that go.
    stage.slow(
        "NotifyObjectComplete",
        BackupJobId=job,
        UploadId=upload,
        ObjectChecksum=summary(BIG),
        ObjectChecksumAlgorithm="SUMMARY",
        MetadataBlob=b"blob" * 999,
    )


@pytest.mark.parametrize("reusing", [put_object, put_chunk], ids=lambda reusing: reusing.__name__)
def test_a_duplicate_that_is_collected_between_look_up_and_reference_is_written_anew(
    stage: Stage, reusing: Reusing
) -> None:
    lost(stage)
    job = stage.start()
    stage.stops.before("submit", stage.clean)
    reusing(stage, job)
    assert stage.stops.all_reached
    assert stage.contents(job) == {"y": BIG}
    point = stage.commit(job)
    stage.condemn_everything()
    stage.clean()
    assert stage.contents(stage.restore(point)) == {"y": BIG}


def test_a_metadata_blob_that_is_collected_before_its_reference_is_written_anew(stage: Stage) -> None:
    lost(stage, b"blob" * 999)
    job = stage.start()
    stage.stops.before("submit", stage.clean)
    metadata(stage, job)
    assert stage.stops.all_reached
    answer = stage.call("GetObjectMetadata", StorageJobId=job, ObjectToken=stage.token_of(job, "y"))
    assert answer["MetadataBlob"] == b"blob" * 999


@pytest.mark.parametrize("reusing", [put_object, put_chunk], ids=lambda reusing: reusing.__name__)
def test_a_condemned_chunk_that_is_reused_before_it_is_deleted_stays(stage: Stage, reusing: Reusing) -> None:
    """The collector has seen it condemned; before its transaction somebody takes a reference."""
    lost(stage)
    stage.sweep()
    job = stage.start()
    stage.stops.before("submit", lambda: reusing(stage, job))
    stage.care(slow=True).collector.step(0)
    assert stage.stops.all_reached
    stage.clean()
    assert stage.contents(job) == {"y": BIG}


def test_a_duplicate_that_goes_again_and_again_is_an_error_and_no_acknowledgement(stage: Stage) -> None:
    """Whoever loses every time is told to try again. (After the first loss nothing is looked up any more.)"""
    lost(stage)
    job = stage.start()
    rounds = iter(range(9))

    def again() -> None:
        stage.clean()
        if next(rounds) < 8:
            stage.stops.before("submit", again)

    stage.stops.before("submit", again)
    try:
        put_object(stage, job)
    except Transient:
        return
    assert stage.contents(job) == {"y": BIG}


def test_a_chunk_that_is_collected_before_it_was_claimed_must_be_sent(stage: Stage) -> None:
    """Claimed from the base before its body; meanwhile the job is stopped, its base deleted and all of it collected."""
    job = stage.start()
    stage.put(job, "x", BIG)
    base = stage.commit(job)
    following = stage.start()
    upload = stage.open_upload(following, "y")

    def vanish() -> None:
        # Nothing of this may take the chunk: the job runs, and its base is pinned.
        stage.delete_point(base)
        stage.condemn_everything()
        stage.clean()

    stage.stops.before("submit", vanish)
    assert stage.slow_early(**stage.chunk_params(following, upload, 0, BIG)) is not None
    stage.complete(following, upload, BIG)
    point = stage.commit(following)
    stage.clean()
    assert stage.contents(stage.restore(point)) == {"x": BIG, "y": BIG}


def test_a_chunk_that_its_job_replaced_and_lost_must_be_sent(stage: Stage) -> None:
    """Possessed by an object that the job has replaced since: the sweep of another job's end must not matter."""
    job = stage.start()
    stage.put(job, "x", BIG)
    upload = stage.open_upload(job, "y")

    def vanish() -> None:
        stage.call("DeleteObject", BackupJobId=job, ObjectName="x")
        stage.condemn_everything()
        stage.clean()

    stage.stops.before("submit", vanish)
    answer = stage.slow_early(**stage.chunk_params(job, upload, 0, BIG))
    if answer is None:
        stage.put_chunk(job, upload, 0, BIG)
    stage.complete(job, upload, BIG)
    assert stage.contents(job) == {"y": BIG}


@pytest.mark.parametrize("moment", range(6))
def test_a_commit_loses_nothing_to_a_collection_at_any_moment(
    stage: Stage, moment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest_parts, "_OBJECTS_A_PART", 1)
    job = stage.start()
    stage.put(job, "x", BIG)
    stage.complete(job, stage.open_upload(job, "m"), MetadataBlob=b"blob")

    def collect() -> None:
        stage.condemn_everything()
        stage.clean()

    stage.stops.before(("submit", "answer")[moment % 2], collect, after=moment // 2)
    stage.slow("CommitBackupJob", BackupJobId=job)
    assert stage.stops.all_reached
    collect()
    (point,) = stage.points()
    assert stage.contents(stage.restore(point)) == {"m": b"", "x": BIG}
    with stage.catalog.snapshot() as tx:
        gone = tx.all(
            "SELECT 1 FROM manifests m WHERE NOT EXISTS (SELECT 1 FROM chunks c WHERE c.chunk_no = m.chunk_no)"
        )
    assert gone == []


def test_a_reader_of_a_point_that_is_deleted_and_collected_meanwhile_is_told_so(stage: Stage) -> None:
    job = stage.start()
    stage.put(job, "x", BIG)
    point = stage.commit(job)
    reading = stage.restore(point)
    token = stage.token_of(reading, "x")
    listed = stage.call("ListChunks", StorageJobId=reading, ObjectToken=token)["ChunkList"]
    chunk_token = listed[0]["ChunkToken"]  # type: ignore[index]

    def vanish() -> None:
        stage.close_packs()
        before = stage.pack_files()
        stage.delete_point(point)
        stage.clean()
        assert not before & stage.pack_files()

    stage.stops.before("read", vanish)
    with pytest.raises(NotFound):
        stage.slow("GetChunk", StorageJobId=reading, ChunkToken=chunk_token)
    assert stage.stops.all_reached


def test_a_reader_of_another_point_sees_nothing_of_a_collection(stage: Stage) -> None:
    keeping = stage.start()
    stage.put(keeping, "x", BIG)
    kept = stage.restore(stage.commit(keeping))
    other = stage.start("elsewhere")
    stage.put(other, "x", BIG)
    stage.put(other, "y", BIG[1:])
    gone = stage.commit(other)
    token = stage.token_of(kept, "x")
    listed = stage.call("ListChunks", StorageJobId=kept, ObjectToken=token)["ChunkList"]

    def vanish() -> None:
        stage.delete_point(gone)
        stage.clean()

    stage.stops.before("read", vanish)
    answer = stage.slow("GetChunk", StorageJobId=kept, ChunkToken=listed[0]["ChunkToken"])  # type: ignore[index]
    assert answer["Data"] == BIG


@pytest.mark.parametrize("worker", ["sweeping", "collector", "survey", "doom"])
def test_a_collector_that_was_paused_while_another_took_over_removes_nothing(stage: Stage, worker: str) -> None:
    """It had read what to remove; in its transaction it finds that the chore is another's."""
    lost(stage)
    stage.close_packs()
    leave_a_pack(stage)
    paused, other = stage.care(slow=True), stage.care()
    before = {"sweeping": 0, "collector": 1, "survey": 2, "doom": 3}[worker]
    for earlier in paused.workers[:before]:
        while earlier.step(stage.clock.now_us()):
            pass
    # The paused one holds the chore; as a process that ended, so that the other may take it.
    stage.commits.submit((), lambda tx, _: tx.run("UPDATE chores SET until_us = 0"))
    taken = replace_writer(other)
    if before == 0:
        paused.writes.submit((), lambda tx, _: None)
        stage.commits.submit((), lambda tx, _: tx.run("UPDATE chores SET until_us = 0"))
    rows = {table: stage.count(table) for table in ("objects", "chunks", "packs", "doomed_packs")}

    def take_over() -> None:
        taken.submit((), lambda tx, _: None)

    stage.stops.before("submit", take_over)
    with pytest.raises(Unavailable, match="another process"):
        getattr(paused, worker).step(stage.clock.now_us())
    assert stage.stops.all_reached
    assert {table: stage.count(table) for table in rows} == rows


def test_a_pack_is_doomed_only_if_it_is_empty_in_that_very_transaction(stage: Stage) -> None:
    """No row ever comes to a measured pack; if a defect brought one there, its file must stay nevertheless."""
    lost(stage)
    keeping = stage.start()
    stage.put(keeping, "other", b"kept")
    stage.close_packs()
    care = stage.care(slow=True)
    for worker in care.workers[:3]:
        while worker.step(stage.clock.now_us()):
            pass
    with stage.catalog.snapshot() as tx:
        empty = packs.empty(tx, 1)[0]

    def come_to_stand_there() -> None:
        move = "UPDATE chunks SET pack_no = :pack_no"
        stage.commits.submit((), lambda tx, _: tx.run(move, {"pack_no": empty.pack_no}))

    stage.stops.before("submit", come_to_stand_there)
    care.doom.step(stage.clock.now_us())
    assert stage.stops.all_reached
    assert pack_name(empty.vault_uid, empty.uid) in stage.pack_files()


def test_a_row_of_a_pack_goes_before_its_file(stage: Stage) -> None:
    """A crash between the two leaves a file that is known to be doomed, never a row without its file."""
    lost(stage)
    rows: list[tuple[int, int, int]] = []

    def look() -> None:
        rows.append((stage.filled_packs(), stage.count("doomed_packs"), len(stage.pack_files())))

    stage.stops.before("delete", look)
    stage.care(slow=True).run()
    assert stage.stops.all_reached
    [(listed, doomed, files)] = rows
    assert doomed >= 1
    assert files == listed + doomed
    assert stage.count("doomed_packs") == 0
    assert len(stage.pack_files()) == stage.filled_packs()


def test_uploads_of_the_same_bytes_while_they_are_deleted_and_collected_lose_nothing(
    stage: Stage, backend: Backend
) -> None:
    """Threads at once: six writers reuse a few chunks that are deleted, collected and dropped all the time."""
    rounds = 4 if backend.is_shared else 12
    contents = [bytes([number]) * 5000 for number in range(4)]
    stop = threading.Event()
    troubles: list[str] = []

    def back_up(source: str) -> None:
        for number in range(rounds):
            try:
                job = stage.start(source)
                names = {f"{number}/{place}": data for place, data in enumerate(contents)}
                for name, data in names.items():
                    stage.put(job, name, data)
                point = stage.commit(job)
                if {name: stage.contents(stage.restore(point))[name] for name in names} != names:
                    troubles.append(f"{source} {number} differs")
                stage.delete_point(point)
            except HoldfastError as error:
                troubles.append(f"{source} {number}: {error}")

    def collect() -> None:
        while not stop.is_set():
            stage.clean()

    collector = threading.Thread(target=collect)
    writers = [threading.Thread(target=back_up, args=(f"source-{number}",)) for number in range(6)]
    for thread in [collector, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    collector.join()
    assert troubles == []
    stage.clean()
    with stage.catalog.snapshot() as tx:
        assert tx.all("SELECT 1 FROM object_chunks") == []


def test_bad_chunks_are_not_in_the_way_of_a_collection(stage: Stage) -> None:
    lost(stage)
    stage.commits.submit((), lambda tx, _: tx.run("UPDATE chunks SET bad = 1"))
    stage.clean()
    assert stage.count("object_chunks") == 0
    assert stage.count("condemned") == 0
