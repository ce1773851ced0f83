"""Readers against whoever heals, deletes, restores and takes the store over."""

import pytest

from holdfast.model.errors import Damaged, InvalidState, NotFound, Unavailable
from tests.concurrency.stage import Stage
from tests.concurrency.waste import end_writer, leave_a_pack

DATA = bytes(range(256)) * 20


def damage(stage: Stage) -> None:
    """Flips a bit in every pack; what was looked up before and what is read after it is damaged."""
    for name in stage.pack_files():
        stage.place.flip(name, stage.blobs.size(name) // 2)


def committed(stage: Stage) -> tuple[str, str]:
    """A restore job of a point with one object, and the token of its chunk."""
    job = stage.start()
    stage.put(job, "x", DATA)
    reading = stage.restore(stage.commit(job))
    listed = stage.call("ListChunks", StorageJobId=reading, ObjectToken=stage.token_of(reading, "x"))["ChunkList"]
    return reading, str(listed[0]["ChunkToken"])  # type: ignore[index]


def heal(stage: Stage) -> None:
    """Somebody else reads the chunk, which marks it, and uploads it again."""
    job = stage.start("healer")
    with stage.catalog.snapshot() as tx:
        [(point,)] = tx.all("SELECT uid FROM recovery_points")
    with pytest.raises(Damaged):
        stage.contents(stage.restore(point))
    stage.put(job, "z", DATA)


def test_a_chunk_that_is_healed_while_its_damage_is_noticed_stays_good(stage: Stage) -> None:
    reading, token = committed(stage)
    stage.close_packs()
    damage(stage)
    # The mark of the slow reader comes after the healing: it names the old place, where the chunk is no more.
    stage.stops.before("submit", lambda: heal(stage))
    with pytest.raises(Damaged):
        stage.slow("GetChunk", StorageJobId=reading, ChunkToken=token)
    assert stage.stops.all_reached
    assert stage.count("chunks WHERE bad = 1") == 0
    assert stage.contents(reading) == {"x": DATA}


def test_a_reader_who_meets_damage_that_was_healed_meanwhile_reads_on(stage: Stage) -> None:
    reading, token = committed(stage)
    stage.close_packs()

    def spoil_and_heal() -> None:
        damage(stage)
        heal(stage)

    stage.stops.before("read", spoil_and_heal)
    assert stage.slow("GetChunk", StorageJobId=reading, ChunkToken=token)["Data"] == DATA
    assert stage.stops.all_reached


def test_a_reader_of_a_point_that_is_deleted_in_between_reads_it_or_is_told(stage: Stage) -> None:
    reading, token = committed(stage)
    (point,) = stage.points()
    stage.stops.before("look", lambda: stage.delete_point(point))
    assert stage.slow("GetChunk", StorageJobId=reading, ChunkToken=token)["Data"] == DATA
    with pytest.raises(NotFound):
        stage.slow("GetChunk", StorageJobId=reading, ChunkToken=token)


def test_a_job_that_begins_while_its_base_is_deleted_has_it_or_has_it_not(stage: Stage) -> None:
    """Whatever the order, the view of the new job is whole: with the base pinned, or empty."""
    committed(stage)
    (point,) = stage.points()
    started = stage.start()
    stage.delete_point(point)
    stage.close_packs()
    stage.compact()
    assert stage.contents(started) == {"x": DATA}
    stage.abort(started)
    stage.close_packs()
    stage.compact()
    after = stage.start()
    assert stage.contents(after) == {}
    stage.put(after, "x", DATA)
    assert stage.contents(stage.restore(stage.commit(after))) == {"x": DATA}


def test_a_store_that_another_has_taken_over_acknowledges_nothing_any_more(stage: Stage) -> None:
    job = stage.start()
    upload = stage.open_upload(job, "x")
    stage.put_chunk(job, upload, 0, DATA)
    other = stage.place.catalog()
    # The lock was taken from under the first: its file was removed, or it lies on a file system that knows no locks.
    # Or, where many have the store open, the first gave no sign of life.
    writer = stage.place.writer(other, stage.clock.now_us())
    assert writer.number > stage.writer.number
    end_writer(other, stage.writer.number)
    for attempt in (
        lambda: stage.put(job, "y", b"lost"),
        lambda: stage.complete(job, upload, DATA),
        lambda: stage.commit(job, DropOpenUploads=True),
        lambda: stage.delete_point("00000000-0000-0000-0000-000000000000"),
        stage.condemn_everything,
    ):
        with pytest.raises(Unavailable, match="another process has opened this store"):
            attempt()
    assert stage.contents(job) == {}
    other.close()


@pytest.mark.parametrize("worker", ["sweeping", "collector", "survey", "doom", "compactor"])
def test_while_a_hold_stands_no_worker_removes_or_moves_anything(stage: Stage, worker: str) -> None:
    """The worker has looked and found no hold; one comes before its transaction."""
    job = stage.start("gone")
    stage.put(job, "x", DATA)
    keeping = stage.start("kept")
    stage.put(keeping, "y", DATA[:100])
    stage.commit(keeping)
    point = stage.commit(job)
    stage.close_packs()
    leave_a_pack(stage)
    stage.delete_point(point)
    care = stage.care(slow=True)
    order = ["sweeping", "collector", "survey", "compactor", "doom"]
    for earlier in order[: order.index(worker)]:
        while getattr(care, earlier).step(stage.clock.now_us()):
            pass
    tables = ("objects", "chunks", "packs", "doomed_packs", "object_chunks")
    rows = {table: stage.count(table) for table in tables}
    place = "INSERT INTO holds (reason, since_us) VALUES ('a manifest is missing', 1)"
    stage.stops.before("submit", lambda: stage.commits.submit((), lambda tx, _: tx.run(place)))
    with pytest.raises(InvalidState, match="a manifest is missing"):
        getattr(care, worker).step(stage.clock.now_us())
    assert stage.stops.all_reached
    assert {table: stage.count(table) for table in tables} == rows


def test_a_pack_that_is_still_being_filled_is_never_dropped(stage: Stage) -> None:
    job = stage.start("gone")
    stage.put(job, "x", DATA)
    stage.abort(job)
    care = stage.care()
    care.run()
    care.compact()
    care.run()
    following = stage.start("kept")
    stage.put(following, "y", DATA[:1000])
    assert stage.contents(following) == {"y": DATA[:1000]}
    stage.close_packs()
    stage.compact()
    assert stage.contents(following) == {"y": DATA[:1000]}
