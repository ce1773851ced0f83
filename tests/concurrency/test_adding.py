"""What adds to a running job, beside something else that does: both transactions are under way at the same time.

The first has done all that it does in its transaction when the second begins; where transactions share, the second
meets what is not committed yet, waits for it or is run again; where they come one after the other it waits its turn.
"""

import threading
from collections.abc import Callable

import pytest

from holdfast.model.errors import ChecksumMismatch, DataExists, HoldfastError, InvalidState
from tests.concurrency.stage import Stage
from tests.dataplane.rig import sha, summary

DATA = bytes(range(256)) * 20

_HEAD_START_SECONDS = 0.3


def beside(stage: Stage, first: Callable[[], object], second: Callable[[], object]) -> list[object]:
    """What each came to: the answer, or the error. `first` goes through `stage.slow`."""
    outcomes: list[object] = [None, None]

    def run(place: int, call: Callable[[], object]) -> None:
        try:
            outcomes[place] = call()
        except HoldfastError as error:
            outcomes[place] = error

    other = threading.Thread(target=run, args=(1, second))

    def begin() -> None:
        other.start()
        other.join(_HEAD_START_SECONDS)

    stage.stops.before("done", begin)
    run(0, first)
    assert stage.stops.all_reached
    other.join()
    return outcomes


def put(stage: Stage, job: str, name: str, data: bytes, **more: object) -> Callable[[], object]:
    return lambda: stage.slow("PutObject", BackupJobId=job, ObjectName=name, InlineChunk=data, **more)


def put_chunk(stage: Stage, job: str, upload: str, index: int, data: bytes) -> Callable[[], object]:
    return lambda: stage.slow("PutChunk", Data=data, **stage.chunk_params(job, upload, index, data))


def complete(stage: Stage, job: str, upload: str, *chunks: bytes) -> Callable[[], object]:
    return lambda: stage.slow(
        "NotifyObjectComplete",
        BackupJobId=job,
        UploadId=upload,
        ObjectChecksum=summary(*chunks),
        ObjectChecksumAlgorithm="SUMMARY",
    )


def no_errors(outcomes: list[object]) -> bool:
    return not any(isinstance(outcome, HoldfastError) for outcome in outcomes)


def test_the_same_new_chunk_under_two_names_is_one_chunk(stage: Stage) -> None:
    job, other = stage.start("one"), stage.start("two")
    assert no_errors(beside(stage, put(stage, job, "x", DATA), put(stage, other, "y", DATA)))
    assert stage.count(f"chunks WHERE raw_bytes = {len(DATA)}") == 1
    assert stage.contents(job) == {"x": DATA}
    assert stage.contents(other) == {"y": DATA}
    stage.compact()
    assert stage.contents(other) == {"y": DATA}


def test_the_same_bad_chunk_healed_twice_counts_its_old_frame_once(stage: Stage) -> None:
    job = stage.start()
    # Together with another, so that the pack lives on.
    stage.put_together(job, {"kept": b"kept" * 500, "x": DATA})
    stage.close_packs()
    stage.clean()
    [(pack_no, before)] = _dead(stage)
    stage.commits.submit((), lambda tx, _: tx.run("UPDATE chunks SET bad = 1 WHERE raw_bytes = 5120"))
    assert no_errors(beside(stage, put(stage, job, "y", DATA), put(stage, job, "z", DATA)))
    after = dict(_dead(stage))[pack_no]
    with stage.catalog.snapshot() as tx:
        [(live,)] = tx.all("SELECT sum(frame_bytes) FROM chunks WHERE pack_no = :no", {"no": pack_no})
        [(size,)] = tx.all("SELECT bytes FROM packs WHERE pack_no = :no", {"no": pack_no})
    assert after > before
    assert size == 48 + after + live
    assert stage.contents(job) == {"kept": b"kept" * 500, "x": DATA, "y": DATA, "z": DATA}


def _dead(stage: Stage) -> list[tuple[int, int]]:
    with stage.catalog.snapshot() as tx:
        return [(row[0], row[1]) for row in tx.all("SELECT pack_no, dead_bytes FROM packs WHERE bytes > 0")]


def test_of_two_objects_of_one_name_the_later_stands(stage: Stage) -> None:
    job = stage.start()
    assert no_errors(beside(stage, put(stage, job, "x", b"first"), put(stage, job, "x", b"second")))
    assert stage.contents(job) == {"x": b"second"}
    assert stage.contents(stage.restore(stage.commit(job))) == {"x": b"second"}


def test_of_two_who_will_have_no_duplicate_one_is_told(stage: Stage) -> None:
    job = stage.start()
    first, second = (put(stage, job, "x", data, ThrowOnDuplicate=True) for data in (b"first", b"second"))
    outcomes = beside(stage, first, second)
    assert isinstance(outcomes[1], DataExists)
    assert outcomes[1].checksum == summary(b"first")
    assert stage.contents(job) == {"x": b"first"}


@pytest.mark.parametrize("data", [b"first", b"other"])
def test_of_two_chunks_for_one_index_the_first_stays(stage: Stage, data: bytes) -> None:
    job = stage.start()
    upload = stage.open_upload(job, "x")
    outcomes = beside(stage, put_chunk(stage, job, upload, 7, b"first"), put_chunk(stage, job, upload, 7, data))
    if data == b"first":
        assert no_errors(outcomes)
    else:
        assert isinstance(outcomes[1], DataExists)
        assert outcomes[1].checksum == sha(b"first")
    stage.complete(job, upload, b"first")
    assert stage.chunks(job, "x") == [(7, b"first")]


def test_a_chunk_beside_the_completion_of_its_upload_is_refused(stage: Stage) -> None:
    job = stage.start()
    upload = stage.open_upload(job, "x")
    stage.put_chunk(job, upload, 0, b"first")
    outcomes = beside(stage, complete(stage, job, upload, b"first"), put_chunk(stage, job, upload, 1, b"late"))
    assert isinstance(outcomes[1], InvalidState)
    assert stage.chunks(job, "x") == [(0, b"first")]


def test_a_completion_beside_a_chunk_of_its_upload_is_held_to_it(stage: Stage) -> None:
    job = stage.start()
    upload = stage.open_upload(job, "x")
    stage.put_chunk(job, upload, 0, b"first")
    outcomes = beside(stage, put_chunk(stage, job, upload, 1, b"second"), complete(stage, job, upload, b"first"))
    assert isinstance(outcomes[1], ChecksumMismatch)
    stage.complete(job, upload, b"first", b"second")
    assert stage.chunks(job, "x") == [(0, b"first"), (1, b"second")]


def test_a_claimed_chunk_beside_the_completion_of_its_upload_is_refused(stage: Stage) -> None:
    job = stage.start()
    upload = stage.open_upload(job, "x")
    stage.put_chunk(job, upload, 0, b"first")
    claim = stage.chunk_params(job, upload, 1, b"first")
    outcomes = beside(stage, complete(stage, job, upload, b"first"), lambda: stage.slow_early(**claim))
    assert isinstance(outcomes[1], InvalidState)
    assert stage.chunks(job, "x") == [(0, b"first")]


def test_two_completions_of_one_upload_are_one(stage: Stage) -> None:
    job = stage.start()
    upload = stage.open_upload(job, "x")
    stage.put_chunk(job, upload, 0, b"data")
    assert no_errors(beside(stage, complete(stage, job, upload, b"data"), complete(stage, job, upload, b"data")))
    assert stage.contents(job) == {"x": b"data"}
    assert stage.count("objects") == 1


def test_of_two_uploads_of_one_name_the_one_that_was_completed_later_stands(stage: Stage) -> None:
    job = stage.start()
    uploads = [stage.open_upload(job, "x") for _ in range(2)]
    for upload, data in zip(uploads, (b"one", b"two"), strict=True):
        stage.put_chunk(job, upload, 0, data)
    one, two = (complete(stage, job, upload, data) for upload, data in zip(uploads, (b"one", b"two"), strict=True))
    assert no_errors(beside(stage, one, two))
    assert stage.contents(job) == {"x": b"two"}


@pytest.mark.parametrize("inherited", [True, False])
@pytest.mark.parametrize("deletes_first", [True, False])
def test_a_deletion_beside_a_put_of_the_name_is_before_or_after_it(
    stage: Stage, inherited: bool, deletes_first: bool
) -> None:
    before = stage.start()
    stage.put(before, "x", b"old")
    if inherited:
        stage.commit(before)
    job = stage.start() if inherited else before

    def delete() -> object:
        return stage.slow("DeleteObject", BackupJobId=job, ObjectName="x")

    pair = [delete, put(stage, job, "x", b"new")]
    assert no_errors(beside(stage, *(pair if deletes_first else pair[::-1])))
    found = stage.contents(job)
    assert found in ({}, {"x": b"new"})
    assert stage.contents(stage.restore(stage.commit(job))) == found


def test_a_name_that_two_delete_is_deleted(stage: Stage) -> None:
    job = stage.start()
    stage.put(job, "x", DATA)

    def delete() -> object:
        return stage.slow("DeleteObject", BackupJobId=job, ObjectName="x")

    assert no_errors(beside(stage, delete, delete))
    assert stage.contents(job) == {}


@pytest.mark.parametrize("ending", ["commit", "stop", "expire"])
def test_what_was_done_when_its_job_ends_is_in_it(stage: Stage, ending: str) -> None:
    job = stage.start()
    stage.put(job, "old", b"old")

    def end() -> object:
        if ending == "commit":
            return stage.commit(job)
        if ending == "stop":
            return stage.control("StopBackupJob", BackupJobId=job)
        stage.let_leases_end()
        return stage.expire()

    outcomes = beside(stage, put(stage, job, "x", DATA), end)
    assert no_errors(outcomes)
    if ending == "commit":
        assert stage.contents(stage.restore(str(outcomes[1]))) == {"old": b"old", "x": DATA}
    else:
        # One that was touched in time lives on if it was to expire.
        assert stage.state(job) in ("ABORTED", "EXPIRED", "RUNNING")
    stage.compact()


def test_a_chunk_that_is_referred_to_when_it_is_collected_stays(stage: Stage) -> None:
    job = stage.start()
    stage.put(job, "x", DATA)
    stage.call("DeleteObject", BackupJobId=job, ObjectName="x")
    stage.condemn_everything()

    outcomes = beside(stage, put(stage, job, "y", DATA), stage.clean)
    assert no_errors(outcomes)
    assert stage.contents(job) == {"y": DATA}


def test_a_chunk_that_is_referred_to_when_its_pack_is_compacted_is_read_where_it_stands(stage: Stage) -> None:
    job = stage.start()
    stage.put_together(job, {"x": DATA, "waste": DATA[::-1] * 9})
    stage.call("DeleteObject", BackupJobId=job, ObjectName="waste")
    point = stage.commit(job)
    following = stage.start()
    stage.close_packs()

    assert no_errors(beside(stage, put(stage, following, "y", DATA), stage.compact))
    assert stage.contents(following) == {"x": DATA, "y": DATA}
    assert stage.contents(stage.restore(point)) == {"x": DATA}
