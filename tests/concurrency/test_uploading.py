"""Writers of one job against each other: whatever the order, everyone is told what came of it."""

import threading

import pytest

from holdfast.model.errors import DataExists, InvalidState, NotFound
from tests.concurrency.stage import Stage
from tests.dataplane.rig import sha, summary


def complete_slowly(stage: Stage, job: str, upload: str, *chunks: bytes) -> object:
    return stage.slow(
        "NotifyObjectComplete",
        BackupJobId=job,
        UploadId=upload,
        ObjectChecksum=summary(*chunks),
        ObjectChecksumAlgorithm="SUMMARY",
    )


def test_of_two_chunks_for_one_index_the_first_stays_and_the_second_is_told_its_checksum(stage: Stage) -> None:
    job = stage.start()
    upload = stage.open_upload(job, "x")
    stage.stops.before("submit", lambda: stage.put_chunk(job, upload, 0, b"first"))
    with pytest.raises(DataExists) as refused:
        stage.slow("PutChunk", Data=b"second", **stage.chunk_params(job, upload, 0, b"second"))
    assert refused.value.checksum == sha(b"first")
    stage.complete(job, upload, b"first")
    assert stage.contents(job) == {"x": b"first"}


def test_the_same_chunk_twice_at_once_is_stored_and_both_are_told_so(stage: Stage) -> None:
    job = stage.start()
    upload = stage.open_upload(job, "x")
    stage.stops.before("submit", lambda: stage.put_chunk(job, upload, 0, b"same"))
    answer = stage.slow("PutChunk", Data=b"same", **stage.chunk_params(job, upload, 0, b"same"))
    assert stage.stops.all_reached
    assert answer["ChunkChecksum"] == sha(b"same")
    stage.complete(job, upload, b"same")
    assert stage.contents(job) == {"x": b"same"}
    assert stage.count("chunks WHERE raw_bytes = 4") == 1


def test_a_chunk_in_two_packs_is_read_and_collected_like_any_other(stage: Stage) -> None:
    """Sealed twice, since neither knew of the other: the second frame is dead space of its pack."""
    data = bytes(range(200)) * 20
    job = stage.start()

    def first() -> None:
        stage.put(job, "a", data)
        stage.close_packs()

    stage.stops.before("submit", first)
    stage.slow("PutObject", BackupJobId=job, ObjectName="b", InlineChunk=data)
    assert stage.stops.all_reached
    assert len(stage.pack_files()) == 2
    stage.compact()
    assert stage.contents(job) == {"a": data, "b": data}
    reading = stage.restore(stage.commit(job))
    stage.close_packs()
    stage.compact()
    assert stage.contents(reading) == {"a": data, "b": data}


def test_a_chunk_that_comes_after_its_upload_was_completed_is_refused(stage: Stage) -> None:
    job = stage.start()
    upload = stage.open_upload(job, "x")
    stage.put_chunk(job, upload, 0, b"first")
    stage.stops.before("submit", lambda: stage.complete(job, upload, b"first"))
    with pytest.raises(InvalidState):
        stage.slow("PutChunk", Data=b"late", **stage.chunk_params(job, upload, 1, b"late"))
    assert stage.contents(job) == {"x": b"first"}


def test_a_chunk_that_is_claimed_after_its_upload_was_completed_is_refused(stage: Stage) -> None:
    job = stage.start()
    upload = stage.open_upload(job, "x")
    stage.put_chunk(job, upload, 0, b"first")
    stage.stops.before("submit", lambda: stage.complete(job, upload, b"first"))
    with pytest.raises(InvalidState):
        stage.slow_early(**stage.chunk_params(job, upload, 1, b"first"))
    assert stage.contents(job) == {"x": b"first"}


def test_a_chunk_that_turns_out_to_be_bad_before_it_was_claimed_must_be_sent(stage: Stage) -> None:
    job = stage.start()
    upload = stage.open_upload(job, "x")
    stage.put_chunk(job, upload, 0, b"first")
    spoil = "UPDATE chunks SET bad = 1 WHERE raw_bytes = 5"
    stage.stops.before("submit", lambda: stage.commits.submit((), lambda tx, _: tx.run(spoil)))
    assert stage.slow_early(**stage.chunk_params(job, upload, 1, b"first")) is None
    assert stage.stops.all_reached


def test_a_completion_after_a_chunk_that_came_meanwhile_is_held_to_its_checksum(stage: Stage) -> None:
    job = stage.start()
    upload = stage.open_upload(job, "x")
    stage.put_chunk(job, upload, 0, b"first")
    stage.stops.before("submit", lambda: stage.put_chunk(job, upload, 1, b"second"))
    with pytest.raises(Exception, match="SUMMARY"):
        complete_slowly(stage, job, upload, b"first")
    stage.complete(job, upload, b"first", b"second")
    assert stage.contents(job) == {"x": b"firstsecond"}


def test_of_two_completions_of_one_name_the_last_wins_and_none_is_lost_in_between(stage: Stage) -> None:
    job = stage.start()
    first, second = stage.open_upload(job, "x"), stage.open_upload(job, "x")
    stage.put_chunk(job, first, 0, b"one")
    stage.put_chunk(job, second, 0, b"two")
    stage.stops.before("submit", lambda: stage.complete(job, second, b"two"))
    complete_slowly(stage, job, first, b"one")
    assert stage.stops.all_reached
    assert stage.contents(job) == {"x": b"one"}
    stage.close_packs()
    stage.compact()
    assert stage.contents(stage.restore(stage.commit(job))) == {"x": b"one"}


def test_the_same_completion_twice_at_once_is_one(stage: Stage) -> None:
    job = stage.start()
    upload = stage.open_upload(job, "x")
    stage.put_chunk(job, upload, 0, b"one")
    stage.stops.before("submit", lambda: stage.complete(job, upload, b"one"))
    complete_slowly(stage, job, upload, b"one")
    assert stage.stops.all_reached
    assert stage.contents(job) == {"x": b"one"}


def test_a_name_that_is_taken_between_start_and_completion_is_refused_to_whoever_asked(stage: Stage) -> None:
    job = stage.start()
    upload = stage.open_upload(job, "x", ThrowOnDuplicate=True)
    stage.stops.before("submit", lambda: stage.put(job, "x", b"other"))
    with pytest.raises(DataExists):
        complete_slowly(stage, job, upload)
    assert stage.contents(job) == {"x": b"other"}


@pytest.mark.parametrize("operation", ["StartObject", "PutObject"])
def test_a_name_that_is_taken_while_it_is_asked_for_is_refused(stage: Stage, operation: str) -> None:
    job = stage.start()
    stage.stops.before("submit", lambda: stage.put(job, "x", b"other"))
    with pytest.raises(DataExists):
        stage.slow(operation, BackupJobId=job, ObjectName="x", ThrowOnDuplicate=True)


def test_a_deletion_and_a_completion_of_one_name_happen_one_after_the_other(stage: Stage) -> None:
    first = stage.start()
    stage.put(first, "x", b"old")
    stage.commit(first)
    job = stage.start()
    upload = stage.open_upload(job, "x")
    stage.put_chunk(job, upload, 0, b"new")
    # Deleted first, completed after it: the new object stands.
    stage.stops.before("submit", lambda: stage.call("DeleteObject", BackupJobId=job, ObjectName="x"))
    complete_slowly(stage, job, upload, b"new")
    assert stage.contents(job) == {"x": b"new"}
    # Completed first, deleted after it: nothing stands, the inherited one included.
    again = stage.open_upload(job, "x")
    stage.put_chunk(job, again, 0, b"newer")
    stage.stops.before("submit", lambda: stage.complete(job, again, b"newer"))
    stage.slow("DeleteObject", BackupJobId=job, ObjectName="x")
    assert stage.contents(job) == {}
    assert stage.contents(stage.restore(stage.commit(job))) == {}


def test_a_name_that_two_delete_at_once_is_deleted_for_both(stage: Stage) -> None:
    job = stage.start()
    stage.put(job, "x", b"data")
    stage.stops.before("submit", lambda: stage.call("DeleteObject", BackupJobId=job, ObjectName="x"))
    stage.slow("DeleteObject", BackupJobId=job, ObjectName="x")
    with pytest.raises(NotFound):
        stage.call("DeleteObject", BackupJobId=job, ObjectName="y")
    assert stage.contents(job) == {}


def test_a_reader_of_a_job_sees_one_moment_of_it(stage: Stage) -> None:
    job = stage.start()
    stage.put(job, "a", b"1")

    def change() -> None:
        stage.call("DeleteObject", BackupJobId=job, ObjectName="a")
        stage.put(job, "b", b"2")
        stage.put(job, "c", b"3")

    stage.stops.before("look", change)
    listed = stage.slow("ListObjects", StorageJobId=job)["ObjectList"]
    assert stage.stops.all_reached
    assert [one["Name"] for one in listed] == ["a"]  # type: ignore[attr-defined]
    assert stage.names(job) == ["b", "c"]


def test_sixteen_writers_of_the_same_chunks_and_names_leave_whole_objects(stage: Stage) -> None:
    job = stage.start()
    contents = [bytes([number]) * 3000 for number in range(8)]

    def write(client: int) -> None:
        for number in range(8):
            upload = stage.open_upload(job, f"{number % 3}")
            parts = (contents[number], contents[(number + client) % 8])
            for index, part in enumerate(parts):
                stage.put_chunk(job, upload, index, part)
            stage.complete(job, upload, *parts)

    threads = [threading.Thread(target=write, args=(client,)) for client in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = stage.contents(stage.restore(stage.commit(job)))
    assert sorted(found) == ["0", "1", "2"]
    pairs = {first + second for first in contents for second in contents}
    assert set(found.values()) <= pairs
