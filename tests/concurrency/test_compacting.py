"""Compaction against readers, writers, healing, collection and key rotation: a row follows its copy or stays."""

import random
import threading

import pytest

from holdfast.chunks.packs import pack_name
from holdfast.model.errors import Damaged, HoldfastError, Unavailable
from holdfast.packfile.layout import FRAME_HEADER_BYTES, decode_frame_header
from tests.concurrency.stage import Stage
from tests.concurrency.waste import DEAD, KEPT, replace_writer, wasteful


def place_of(stage: Stage) -> tuple[int, int]:
    with stage.catalog.snapshot() as tx:
        [row] = tx.all(
            "SELECT DISTINCT c.pack_no, c.frame_offset FROM chunks c JOIN object_chunks r ON r.chunk_no = c.chunk_no"
            " WHERE c.raw_bytes = 3000"
        )
    return row[0], row[1]


def chunk_token(stage: Stage, reading: str) -> str:
    listed = stage.call("ListChunks", StorageJobId=reading, ObjectToken=stage.token_of(reading, "x"))["ChunkList"]
    return str(listed[0]["ChunkToken"])  # type: ignore[index]


def test_a_pack_that_is_mostly_dead_is_given_back_and_its_chunks_live_on(stage: Stage) -> None:
    reading = wasteful(stage)
    files = stage.pack_files()
    before = place_of(stage)
    stage.compact()
    assert place_of(stage) != before
    assert files - stage.pack_files()
    assert stage.contents(reading) == {"x": KEPT}


def test_a_reader_who_knows_the_old_place_reads_at_the_new_one(stage: Stage) -> None:
    reading = wasteful(stage)
    token = chunk_token(stage, reading)
    files = stage.pack_files()
    stage.stops.before("read", stage.compact)
    assert stage.slow("GetChunk", StorageJobId=reading, ChunkToken=token)["Data"] == KEPT
    assert stage.stops.all_reached
    assert files - stage.pack_files()
    assert stage.count("chunks WHERE bad = 1") == 0


def test_a_reader_follows_a_chunk_that_moves_again_and_again(stage: Stage) -> None:
    reading = wasteful(stage)
    token = chunk_token(stage, reading)
    moves = iter(range(5))

    def move() -> None:
        stage.compact()
        stage.close_packs()
        with stage.catalog.snapshot() as tx:
            [(pack_no,)] = tx.all("SELECT pack_no FROM chunks WHERE raw_bytes = 3000")
        stage.care().run()
        # The pack it stands in now is declared mostly dead, so that the next compaction takes it.
        stage.commits.submit(
            (), lambda tx, _: tx.run("UPDATE packs SET dead_bytes = bytes WHERE pack_no = :no", {"no": pack_no})
        )
        if next(moves) < 4:
            stage.stops.before("read", move)

    stage.stops.before("read", move)
    assert stage.slow("GetChunk", StorageJobId=reading, ChunkToken=token)["Data"] == KEPT
    assert len(stage.stops.reached) == 5


def test_a_chunk_that_is_collected_while_it_is_copied_stays_gone(stage: Stage) -> None:
    wasteful(stage)
    (point,) = stage.points()

    def collect() -> None:
        stage.delete_point(point)
        care = stage.care()
        while stage.recorder.settle() or care.sweeping.step(0) or care.collector.step(0):
            pass

    stage.stops.before("submit", collect)
    stage.care(slow=True).compact()
    assert stage.stops.all_reached
    stage.close_packs()
    stage.compact()
    assert stage.count("object_chunks") == 0
    assert stage.count("chunks WHERE raw_bytes = 3000") == 0


def test_a_row_that_went_while_its_frame_was_copied_does_not_come_back(stage: Stage) -> None:
    wasteful(stage)
    stage.stops.before("submit", lambda: stage.commits.submit((), lambda tx, _: tx.run("DELETE FROM chunks")))
    stage.care(slow=True).compact()
    assert stage.stops.all_reached
    assert stage.count("chunks") == 0


def test_a_chunk_that_was_healed_while_it_was_copied_stands_where_it_was_healed(stage: Stage) -> None:
    reading = wasteful(stage)
    before = place_of(stage)
    healed: list[tuple[int, int]] = []

    def heal() -> None:
        stage.commits.submit((), lambda tx, _: tx.run("UPDATE chunks SET bad = 1 WHERE raw_bytes = 3000"))
        job = stage.start("third")
        stage.put(job, "z", KEPT)
        healed.append(place_of(stage))

    stage.stops.before("submit", heal)
    stage.care(slow=True).compact()
    assert stage.stops.all_reached
    assert place_of(stage) == healed[0] != before
    assert stage.contents(reading) == {"x": KEPT}


def test_a_frame_that_is_damaged_is_not_copied_as_if_it_were_sound(stage: Stage) -> None:
    reading = wasteful(stage)
    pack_no, offset = before = place_of(stage)
    with stage.catalog.snapshot() as tx:
        [(pack, vault)] = tx.all(
            "SELECT p.uid, v.uid FROM packs p JOIN vaults v ON v.vault_no = p.vault_no WHERE p.pack_no = :no",
            {"no": pack_no},
        )
    name = pack_name(vault, pack)
    stage.place.flip(name, offset + 1000)
    stage.compact()
    assert place_of(stage) == before
    assert stage.count("chunks WHERE bad = 1") == 1
    with pytest.raises(Damaged):
        stage.contents(reading)
    job = stage.start("third")
    stage.put(job, "z", KEPT)
    assert stage.contents(reading) == {"x": KEPT}
    stage.close_packs()
    stage.compact()
    assert name not in stage.pack_files()
    assert stage.contents(reading) == {"x": KEPT}


def test_a_duplicate_that_moves_between_look_up_and_reference_is_one_all_the_same(stage: Stage) -> None:
    reading = wasteful(stage)
    job = stage.start("third")
    stage.stops.before("submit", stage.compact)
    stage.slow("PutObject", BackupJobId=job, ObjectName="z", InlineChunk=KEPT)
    assert stage.stops.all_reached
    assert stage.contents(job) == {"z": KEPT}
    assert stage.contents(reading) == {"x": KEPT}
    assert stage.count("chunks WHERE raw_bytes = 3000") == 1


def test_a_compactor_that_was_paused_while_another_took_over_moves_nothing(stage: Stage) -> None:
    reading = wasteful(stage)
    before = place_of(stage)
    paused = stage.care(slow=True)
    paused.writes.submit((), lambda tx, _: None)
    other = replace_writer(stage.care())

    def take_over() -> None:
        stage.commits.submit((), lambda tx, _: tx.run("UPDATE chores SET until_us = 0"))
        other.submit((), lambda tx, _: None)

    stage.stops.before("submit", take_over)
    with pytest.raises(Unavailable, match="another process"):
        paused.compact()
    assert stage.stops.all_reached
    assert place_of(stage) == before
    assert stage.contents(reading) == {"x": KEPT}


def test_a_key_that_is_rotated_while_frames_are_copied_leaves_them_readable(stage: Stage) -> None:
    reading = wasteful(stage)
    stage.stops.before("submit", stage.rotate_key)
    stage.care(slow=True).compact()
    assert stage.stops.all_reached
    stage.close_packs()
    stage.clean()
    assert stage.contents(reading) == {"x": KEPT}
    stage.compact()
    assert stage.contents(reading) == {"x": KEPT}


def test_after_a_rotation_compaction_seals_what_is_left_under_the_new_key(stage: Stage) -> None:
    reading = wasteful(stage)
    stage.rotate_key()
    stage.compact()
    assert stage.contents(reading) == {"x": KEPT}
    pack_no, offset = place_of(stage)
    with stage.catalog.snapshot() as tx:
        [(pack, vault)] = tx.all(
            "SELECT p.uid, v.uid FROM packs p JOIN vaults v ON v.vault_no = p.vault_no WHERE p.pack_no = :no",
            {"no": pack_no},
        )
    name = pack_name(vault, pack)
    assert decode_frame_header(stage.blobs.read(name, offset, FRAME_HEADER_BYTES)).key_number == 2


def test_an_upload_that_was_sealed_before_a_rotation_is_readable_after_it(stage: Stage) -> None:
    job = stage.start()
    stage.stops.before("submit", stage.rotate_key)
    stage.slow("PutObject", BackupJobId=job, ObjectName="x", InlineChunk=KEPT)
    assert stage.stops.all_reached
    reading = stage.restore(stage.commit(job))
    assert stage.contents(reading) == {"x": KEPT}
    stage.close_packs()
    stage.compact()
    assert stage.contents(reading) == {"x": KEPT}


@pytest.mark.parametrize("step", ["look", "snapshot", "read", "submit", "answer", "delete"])
@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_compaction_that_dies_at_any_step_loses_nothing(stage: Stage, step: str, after: int) -> None:
    """What follows is another process: nothing is known but what is durable. Then the same data is backed up again."""
    reading = wasteful(stage)

    def die() -> None:
        raise KeyboardInterrupt

    stage.stops.before(step, die, after=after)
    try:
        care = stage.care(slow=True)
        care.compact()
        care.run()
    except KeyboardInterrupt:
        assert stage.stops.reached
    assert stage.contents(reading) == {"x": KEPT}
    again = stage.start("third")
    stage.put(again, "x", KEPT)
    stage.put(again, "y", DEAD)
    assert stage.contents(again) == {"x": KEPT, "y": DEAD}
    stage.close_packs()
    stage.compact()
    assert stage.contents(again) == {"x": KEPT, "y": DEAD}
    assert stage.contents(reading) == {"x": KEPT}
    assert len(stage.pack_files()) == stage.filled_packs()


def test_readers_and_writers_notice_nothing_of_collection_and_compaction(stage: Stage) -> None:
    """Threads at once: points come and go, everything is moved around under readers who compare every byte."""
    stop = threading.Event()
    troubles: list[str] = []
    contents = [random.Random(number).randbytes(4000) for number in range(6)]

    def back_up(source: str) -> None:
        newest = None
        for number in range(10):
            try:
                job = stage.start(source)
                stage.put(job, "same", contents[0])
                stage.put(job, "x", contents[number % 6])
                point = stage.commit(job)
                if newest is not None:
                    stage.delete_point(newest)
                newest = point
                found = stage.contents(stage.restore(point))
                if found != {"same": contents[0], "x": contents[number % 6]}:
                    troubles.append(f"{source} {number} differs")
            except HoldfastError as error:
                troubles.append(f"{source} {number}: {error!r}")

    def care() -> None:
        while not stop.is_set():
            stage.close_packs()
            stage.compact()

    carer = threading.Thread(target=care)
    writers = [threading.Thread(target=back_up, args=(f"source-{number}",)) for number in range(5)]
    for thread in [carer, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    carer.join()
    assert troubles == []
    assert stage.count("chunks WHERE bad = 1") == 0
