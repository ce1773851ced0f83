"""Whatever refers to a chunk keeps it, however often the collector is told to look at it."""

from collections.abc import Callable

import pytest

from tests.concurrency.stage import Stage
from tests.concurrency.waste import BIG, lost

Holding = Callable[[Stage], Callable[[], bool]]
"""Makes something that refers to a chunk; returns whether it is whole."""


def open_upload(stage: Stage) -> Callable[[], bool]:
    job = stage.start()
    upload = stage.open_upload(job, "x")
    stage.put_chunk(job, upload, 0, BIG)

    def whole() -> bool:
        stage.complete(job, upload, BIG)
        return stage.contents(job) == {"x": BIG}

    return whole


def whole_object(stage: Stage) -> Callable[[], bool]:
    job = stage.start()
    stage.put(job, "x", BIG)
    return lambda: stage.contents(job) == {"x": BIG}


def metadata_blob(stage: Stage) -> Callable[[], bool]:
    job = stage.start()
    stage.complete(job, stage.open_upload(job, "x"), MetadataBlob=BIG)

    def whole() -> bool:
        answer = stage.call("GetObjectMetadata", StorageJobId=job, ObjectToken=stage.token_of(job, "x"))
        return answer["MetadataBlob"] == BIG

    return whole


def committed_point(stage: Stage) -> Callable[[], bool]:
    job = stage.start()
    stage.put(job, "x", BIG)
    point = stage.commit(job)
    return lambda: stage.contents(stage.restore(point)) == {"x": BIG}


def deleted_base_of_a_running_job(stage: Stage) -> Callable[[], bool]:
    job = stage.start()
    stage.put(job, "x", BIG)
    base = stage.commit(job)
    following = stage.start()
    stage.delete_point(base)
    return lambda: stage.contents(following) == {"x": BIG}


def deleted_point_that_a_newer_one_inherits_from(stage: Stage) -> Callable[[], bool]:
    job = stage.start()
    stage.put(job, "x", BIG)
    base = stage.commit(job)
    newer = stage.commit(stage.start())
    stage.delete_point(base)
    return lambda: stage.contents(stage.restore(newer)) == {"x": BIG}


def older_point_than_a_deleted_one_that_saw_the_same(stage: Stage) -> Callable[[], bool]:
    job = stage.start()
    stage.put(job, "x", BIG)
    oldest = stage.commit(job)
    between = stage.commit(stage.start())
    removing = stage.start()
    stage.call("DeleteObject", BackupJobId=removing, ObjectName="x")
    newest = stage.commit(removing)
    stage.delete_point(between)
    return lambda: stage.contents(stage.restore(oldest)) == {"x": BIG} and not stage.contents(stage.restore(newest))


HOLDINGS: tuple[Holding, ...] = (
    open_upload,
    whole_object,
    metadata_blob,
    committed_point,
    deleted_base_of_a_running_job,
    deleted_point_that_a_newer_one_inherits_from,
    older_point_than_a_deleted_one_that_saw_the_same,
)


@pytest.mark.parametrize("holding", HOLDINGS, ids=lambda holding: holding.__name__)
def test_the_collector_keeps_whatever_something_refers_to(stage: Stage, holding: Holding) -> None:
    is_whole = holding(stage)
    stage.condemn_everything()
    stage.clean()
    assert stage.count("condemned") == 0
    assert is_whole()
    stage.condemn_everything()
    stage.clean()


def test_the_collector_keeps_manifests_records_and_drafts(stage: Stage) -> None:
    """A part of a manifest that is being written, a manifest, and the record of a deletion: nothing else refers."""
    kept = stage.start("kept")
    stage.commit(kept)
    lost(stage)
    job = stage.start()
    stage.put(job, "x", b"draft")
    note = (
        "INSERT INTO manifest_drafts (job_no, part, chunk_no) SELECT j.job_no, 0, r.chunk_no"
        " FROM backup_jobs j JOIN objects o ON o.job_no = j.job_no JOIN object_chunks r ON r.object_no = o.object_no"
        " WHERE j.uid = :uid"
    )
    stage.commits.submit((), lambda tx, _: tx.run(note, {"uid": job}))
    stage.commits.submit((), lambda tx, _: tx.run("DELETE FROM object_chunks"))
    stage.condemn_everything()
    stage.clean()
    for table in ("manifests", "manifest_drafts", "records"):
        assert stage.count(table) > 0
        assert stage.count(f"{table} t WHERE NOT EXISTS (SELECT 1 FROM chunks c WHERE c.chunk_no = t.chunk_no)") == 0
