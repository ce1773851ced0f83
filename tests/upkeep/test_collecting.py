import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.catalog import chores, collect, holds, packs, sql
from holdfast.catalog.transaction import Tx
from holdfast.dataplane import intake
from holdfast.dataplane.intake import Arrival
from holdfast.dataplane.job_refs import vault_of
from holdfast.model import checksum
from holdfast.model.errors import InvalidState, Unavailable
from holdfast.upkeep.fenced import COLLECTOR
from holdfast.upkeep.gain import Gain
from tests.backends import Backend, Place, embedded_only
from tests.dataplane.rig import CALLER, sha
from tests.upkeep.yard import Yard, noise

KIB = 1024


@pytest.fixture
def yard(backend: Backend, tmp_path: Path) -> Iterator[Yard]:
    made = Yard(backend.place(tmp_path / "store"))
    made.vault()
    yield made
    made.close()


@pytest.fixture
def place(backend: Backend, tmp_path: Path) -> Place:
    """Where a test opens yards itself, one after the other."""
    return backend.place(tmp_path / "store")


def test_when_the_last_point_goes_nothing_is_left(place: Place) -> None:
    yard = Yard(place)
    yard.vault()
    points = [yard.backup("home", {"a": noise(number, 5000), "b": b"same"}) for number in range(3)]
    for uid in points:
        yard.delete_point(uid)
    yard = yard.reopened()
    gain = yard.collect_all()
    assert yard.number("SELECT count(*) FROM chunks") == 0
    assert yard.number("SELECT count(*) FROM condemned") == 0
    assert yard.pack_files() == {}
    assert gain.deleted_chunks == 3 + 1 + 3
    # In a bucket each group was a pack.
    assert gain.removed_packs == 1 or yard.catalog.parallel
    assert gain.freed_bytes > 15_000
    yard.close()


def test_what_another_point_still_holds_stays(yard: Yard) -> None:
    old = yard.backup("home", {"a": b"one", "shared": b"both"})
    new = yard.backup("home", {"a": b"two"})
    other = yard.backup("mail", {"copy": b"one"})
    yard.delete_point(old)
    yard.collect_all()
    assert yard.read(new) == {"a": b"two", "shared": b"both"}
    assert yard.read(other) == {"copy": b"one"}
    yard.delete_point(other)
    yard.collect_all()
    kept = {bytes(row[0]) for row in yard.fetch("SELECT chunk_id FROM chunks")}  # type: ignore[call-overload]
    keys = vault_of(yard.store, yard.start("home")).keys
    assert keys.chunk_id(checksum.digest(b"one")) not in kept
    assert keys.chunk_id(checksum.digest(b"both")) in kept


def test_whatever_a_job_leaves_behind_is_freed(yard: Yard) -> None:
    kept = yard.backup("home", {"a": b"kept"})
    job = yard.start("home")
    yard.put(job, "a", b"written")
    yard.put(job, "a", b"written again")
    yard.put_chunk(job, yard.open_upload(job, "never completed"), 7, b"an abandoned upload")
    blob = {"MetadataBlobLength": 4, "MetadataBlobChecksum": sha(b"meta"), "MetadataBlobChecksumAlgorithm": "SHA256"}
    upload = yard.open_upload(job, "with metadata")
    yard.put_chunk(job, upload, 0, b"content")
    yard.complete(job, upload, b"content", MetadataBlob=b"meta", **blob)
    before = yard.number("SELECT count(*) FROM chunks")
    yard.abort(job)
    yard.collect_all()
    assert before == 2 + 5
    assert yard.number("SELECT count(*) FROM chunks") == 2  # the object of the kept point and its manifest
    assert yard.read(kept) == {"a": b"kept"}
    yard.check_accounts()


def test_a_blob_that_came_with_a_repeated_completion_is_not_forgotten(yard: Yard) -> None:
    job = yard.start("home")
    upload = yard.open_upload(job, "a")
    for blob in (b"first", b"other"):
        yard.complete(job, upload, MetadataBlob=blob, MetadataBlobLength=5, MetadataBlobChecksum=sha(blob))
    assert yard.number("SELECT count(*) FROM chunks") == 2
    kept = yard.commit(job)
    yard.collect_all()
    assert yard.number("SELECT count(*) FROM chunks") == 2  # one blob, one manifest
    token = yard.token_of(restoring := yard.restore(kept), "a")
    read = yard.call("GetObjectMetadata", StorageJobId=restoring, ObjectToken=token)
    assert read["MetadataBlob"] == b"first"


def test_a_chunk_that_is_condemned_and_reused_in_the_same_moment_is_kept_or_sent_again(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The collector runs between the look-up that finds the chunk and the transaction that would refer to it."""
    yard.delete_point(yard.backup("home", {"a": b"reused"}))
    job = yard.start("mail")
    lookups = 0
    look_up = intake._known

    def and_collect(*args: object) -> set[bytes]:
        nonlocal lookups
        lookups += 1
        known = look_up(*args)  # type: ignore[arg-type]
        if lookups == 1:
            assert known, "the chunk was there when it was looked for"
            yard.collect_all()
        return known

    monkeypatch.setattr(intake, "_known", and_collect)
    yard.put(job, "b", b"reused")
    assert yard.read(yard.commit(job)) == {"b": b"reused"}


def test_a_reference_taken_first_saves_a_condemned_chunk(yard: Yard) -> None:
    yard.delete_point(yard.backup("home", {"a": b"reused"}))
    while yard.collection.sweeping.step(1):
        pass
    assert yard.number("SELECT count(*) FROM condemned") == 2
    kept = yard.backup("mail", {"b": b"reused"})
    gain = yard.collect_all()
    assert gain.deleted_chunks == 1  # the manifest of the deleted point
    assert yard.read(kept) == {"b": b"reused"}


def test_a_chunk_that_nothing_refers_to_but_that_was_never_condemned_is_not_looked_at(yard: Yard) -> None:
    """So the cost follows what was deleted; and so every reference that goes must condemn."""
    job = yard.start("home")
    intake.take_in(
        yard.store, vault_of(yard.store, job), [Arrival(b"x", checksum.digest(b"x"))], lambda tx, recorded: None
    )
    yard.collect_all()
    assert yard.number("SELECT count(*) FROM chunks") == 1


@embedded_only("that PostgreSQL has the same columns is shown by test_postgres_schemas")
def test_every_column_that_names_a_chunk_is_a_reference_to_the_collector(yard: Yard) -> None:
    columns = yard.fetch(
        "SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c"
        " WHERE m.type = 'table' AND c.name LIKE '%chunk_no'"
    )
    deciding = sql.load("collect")["delete_unreferenced"]
    named = set(re.findall(r"FROM (\w+) \w+ WHERE \w+\.(\w*chunk_no)", deciding))
    assert named == set(columns) - {("chunks", "chunk_no"), ("condemned", "chunk_no")}


def test_an_abandoned_upload_of_a_running_job_is_left_alone(yard: Yard) -> None:
    job = yard.start("home")
    upload = yard.open_upload(job, "slow")
    yard.put_chunk(job, upload, 0, b"first")
    yard.collect_all()
    yard.put_chunk(job, upload, 1, b"second")
    yard.complete(job, upload, b"first", b"second")
    yard.collect_all()
    assert yard.read(yard.commit(job)) == {"slow": b"firstsecond"}


def test_while_a_hold_stands_nothing_goes(place: Place) -> None:
    yard = Yard(place)
    yard.vault()
    yard.delete_point(yard.backup("home", {"a": noise(1, 9000)}))
    yard = yard.reopened()
    yard.commits.submit((), lambda tx, _: holds.place(tx, "a manifest is missing", 5))
    before = yard.pack_files(), yard.number("SELECT count(*) FROM objects"), yard.fetch("SELECT * FROM chunks")
    assert yard.collect_all() == Gain()
    for worker in yard.collection.workers():
        assert not worker.step(1)
    with pytest.raises(InvalidState, match="a manifest is missing"):
        yard.collection.doom.writes.submit((), lambda tx, _: None)
    assert (
        yard.pack_files(),
        yard.number("SELECT count(*) FROM objects"),
        yard.fetch("SELECT * FROM chunks"),
    ) == before
    assert yard.commits.submit((), lambda tx, _: holds.release(tx)) == 1
    yard.collect_all()
    assert yard.pack_files() == {}
    yard.close()


@pytest.mark.parametrize("paused_us", [0, 301_000_000], ids=["for a moment", "beyond its time"])
def test_a_holder_whose_place_was_taken_while_it_was_paused_is_refused(yard: Yard, paused_us: int) -> None:
    yard.delete_point(yard.backup("home", {"a": b"one"}))
    assert yard.collection.sweeping.step(1)

    def another(tx: Tx, _: object) -> None:
        tx.run("INSERT INTO writers (writer_no, started_us) VALUES (99, 0)")
        taken = [chores.take(tx, COLLECTOR, 99, yard.clock.now_us() + later, 300_000_000) for later in (0, 301_000_000)]
        assert taken == [None, 2]

    yard.commits.submit((), another)
    yard.clock.us += paused_us
    before = (
        yard.fetch("SELECT * FROM chunks"),
        yard.fetch("SELECT * FROM objects"),
        yard.fetch("SELECT * FROM condemned"),
    )
    with pytest.raises(Unavailable, match="taken over the chore"):
        yard.collection.sweeping.step(1)
    yard.clock.us += 301_000_000 - paused_us
    with pytest.raises(Unavailable, match="another process is at the chore"):
        yard.collection.sweeping.step(1)
    after = (
        yard.fetch("SELECT * FROM chunks"),
        yard.fetch("SELECT * FROM objects"),
        yard.fetch("SELECT * FROM condemned"),
    )
    assert before == after


def test_a_chore_of_an_ended_writer_or_of_a_clock_put_back_is_free(yard: Yard) -> None:
    far = 4_000_000_000_000_000

    def steps(tx: Tx, _: object) -> list[int | None]:
        tx.run("INSERT INTO writers (writer_no, started_us, ended) VALUES (98, 0, 0), (99, 0, 0)")
        taken = [chores.take(tx, "x", 98, far, 1000), chores.take(tx, "x", 99, far + 1, 1000)]
        taken.append(chores.take(tx, "x", 99, 1_000, 1000))  # the clock was put back by a century
        taken.append(chores.take(tx, "x", 98, 1_001, 1000))
        tx.run("UPDATE writers SET ended = 1 WHERE writer_no = 99")
        taken.append(chores.take(tx, "x", 98, 1_002, 1000))
        return taken

    assert yard.commits.submit((), steps) == [1, None, 2, None, 3]


def test_a_forecast_does_nothing_and_says_what_comes(place: Place) -> None:
    from holdfast.upkeep.care import Care

    yard = Yard(place)
    yard.vault()
    first = yard.start("home")
    yard.put_together(first, {"a": noise(1, 40_000), "b": noise(2, 60_000), "c": noise(3, 50_000)})
    gone = yard.commit(first)
    kept = yard.backup("home", {}, deleted=["c"])
    yard.delete_point(gone)
    yard = yard.reopened()
    collect_garbage = Care(yard.catalog, yard, yard.clock, yard.collection).handlers()["CollectGarbage"]
    first = collect_garbage(CALLER, {"DryRun": True})
    assert (first["SweepPending"], first["DeletedChunks"], first["StoredBytes"]) == (
        True,
        0,
        sum(yard.pack_files().values()),
    )
    while yard.collection.survey.step(1) or yard.collection.collector.step(1) or yard.collection.sweeping.step(1):
        pass
    before = yard.pack_files(), yard.fetch("SELECT * FROM chunks")
    planned = collect_garbage(CALLER, {"DryRun": True})
    assert (yard.pack_files(), yard.fetch("SELECT * FROM chunks")) == before
    [pack] = planned["Packs"]  # type: ignore[misc]
    assert pack["Reason"] == "dead space"  # type: ignore[index]
    done = collect_garbage(CALLER, {})
    assert (done["CopiedBytes"], done["CompactedPacks"], done["Done"]) == (planned["CopiedBytes"], 1, True)
    assert done["FreedBytes"] - done["CopiedBytes"] == planned["FreedBytes"]  # type: ignore[operator]
    assert yard.read(kept) == {"a": noise(1, 40_000), "b": noise(2, 60_000)}
    yard.close()


def changed_rows(yard: Yard) -> int:
    return int(yard.catalog._writer.total_changes())


@embedded_only("rows are counted by SQLite's own count of them")
def test_collecting_touches_rows_in_proportion_to_what_was_deleted(backend: Backend, tmp_path: Path) -> None:
    """The same deletion out of a small store, and out of one that keeps thirty times as much."""
    touched = []
    for kept in (20, 600):
        yard = Yard(backend.place(tmp_path / str(kept)))
        yard.vault()
        job = yard.start("big")
        for number in range(kept):
            yard.put(job, f"f{number}", number.to_bytes(8, "big"))
        yard.commit(job)
        yard.collect_all()
        deleted = yard.backup("home", {f"d{number}": f"gone {number}".encode() for number in range(10)})
        yard.delete_point(deleted)
        before = changed_rows(yard)
        yard.collect_all()
        touched.append(changed_rows(yard) - before)
        yard.close()
    assert touched[0] == touched[1]
    assert 10 < touched[0] < 10 * 12


def test_no_step_looks_at_more_chunks_than_its_batch(yard: Yard) -> None:
    yard.delete_point(yard.backup("home", {f"f{number}": f"{number}".encode() for number in range(25)}))
    while yard.collection.sweeping.step(1):
        pass
    steps = []
    while (batch := yard.commits.submit((), lambda tx, _: collect.collect(tx, 10))).looked_at:
        steps.append(batch.looked_at)
    assert steps == [10, 10, 6]


@embedded_only("no pack of a bucket is ever open")
def test_an_open_pack_that_is_mostly_dead_is_closed_and_compacted(yard: Yard) -> None:
    yard.collection.survey._dead_bytes_min = 10 * KIB
    kept = yard.backup("home", {"a": noise(1, 4 * KIB)})
    yard.delete_point(yard.backup("mail", {"b": noise(2, 40 * KIB)}))
    [before] = yard.pack_files()
    yard.collect_all()
    assert before not in yard.pack_files()
    assert sum(yard.pack_files().values()) < 6 * KIB
    assert yard.read(kept) == {"a": noise(1, 4 * KIB)}
    yard.check_accounts()


@embedded_only("a pack of a bucket has no tail, and is measured as it is recorded")
def test_the_measure_of_a_pack_counts_tails_and_frames_without_rows_as_dead(place: Place) -> None:
    yard = Yard(place)
    yard.vault()
    kept = yard.backup("home", {"a": noise(1, 5000)})
    vault = vault_of(yard.store, yard.start("mail"))
    lost = [Arrival(noise(2, 3000), checksum.digest(noise(2, 3000)))]
    with pytest.raises(InvalidState, match="after the frame was written"):
        intake.take_in(yard.store, vault, lost, _refuse)
    [name] = yard.pack_files()
    yard.place.overwrite(name, yard.place.read_blob(name) + b"half a frame that a crash cut off")
    yard = yard.reopened()
    while yard.collection.survey.step(1):
        pass
    yard.check_accounts()
    assert yard.number("SELECT dead_bytes FROM packs") > 3000 + 33
    yard.collect_all()
    yard.check_accounts()
    assert yard.read(kept) == {"a": noise(1, 5000)}
    yard.close()


def _refuse(tx: Tx, recorded: object) -> None:
    raise InvalidState("after the frame was written")


@embedded_only("a pack of a bucket is measured as it is recorded")
def test_a_pack_that_is_written_to_is_not_measured(yard: Yard) -> None:
    yard.backup("home", {"a": b"one"})
    assert yard.collection.survey.step(1) is None
    assert yard.fetch("SELECT bytes FROM packs") == [(None,)]
    with yard.catalog.snapshot() as tx:
        [open_pack] = packs.unmeasured(tx, 0, 10)
    yard.packs.turn_over(open_pack.vault_uid)
    assert yard.collection.survey.step(1) is not None
    assert yard.number("SELECT bytes FROM packs") == sum(yard.pack_files().values())


@embedded_only("a pack of a bucket is measured as it is recorded")
def test_a_pack_of_another_live_writer_is_left_to_it(yard: Yard) -> None:
    yard.backup("home", {"a": b"one"})

    def not_ours(tx: Tx, _: object) -> None:
        tx.run("INSERT INTO writers (writer_no, started_us) VALUES (99, 0)")
        tx.run("UPDATE packs SET writer_no = 99")

    yard.commits.submit((), not_ours)
    assert yard.collection.survey.step(1) is None
