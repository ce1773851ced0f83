"""Manifests of many parts: referred to while they are written, whole when they count."""

from collections.abc import Callable, Sequence

import pytest

from holdfast.model.errors import Unavailable
from holdfast.model.purpose import Purpose
from holdfast.records import manifest_parts
from tests.records.rig import Store, noise


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("_OBJECTS_A_PART", 3), ("_CHUNKS_A_PART", 5), ("_NAMES_A_PART", 2), ("_OBJECTS_A_READ", 4)):
        monkeypatch.setattr(manifest_parts, name, size)
    monkeypatch.setattr(manifest_parts, "_FEW_CHUNKS", 4)


def large_history(store: Store) -> list[str]:
    job = store.start()
    for number in range(11):
        store.put(job, f"n{number}", bytes([number]), MetadataString=f"m{number}")
    store.put_chunks(job, "long", {index * 3: noise(index % 7, 900) for index in range(17)}, MetadataBlob=b"blob")
    first = store.commit(job)
    job = store.start()
    for number in range(7):
        store.delete_object(job, f"n{number}")
    store.put_chunks(job, "long", {index: noise(index % 5, 700) for index in range(10)})
    second = store.commit(job)
    return [first, second, store.back_up({"n8": b"again"})]


def parts_of(store: Store) -> list[int]:
    return [row[0] for row in store.rows("SELECT count(*) FROM manifests GROUP BY point_no ORDER BY point_no")]


@pytest.mark.usefixtures("small_parts")
def test_manifests_of_many_parts_come_back(store: Store) -> None:
    store.open()
    _, second, _ = large_history(store)
    assert parts_of(store)[0] > 5
    assert parts_of(store)[1] > 4
    store.delete_point(second)
    store.collect()
    before = store.says()
    store.close()
    store.lose_catalog()
    assert store.rebuild().is_whole
    store.open()
    assert store.says() == before


@pytest.mark.usefixtures("small_parts")
def test_full_manifests_of_many_parts_come_back(store: Store) -> None:
    store.open()
    arns = large_history(store)
    before = store.says()
    for arn in arns:
        assert store.resealer().manifest(arn.rsplit(":", 1)[1])
    assert store.rows("SELECT count(*) FROM manifest_drafts") == [(0,)]
    store.collect()
    store.close()
    store.lose_catalog()
    assert store.rebuild().is_whole
    store.open()
    assert store.says() == before


@pytest.mark.usefixtures("small_parts")
def test_parts_of_a_commit_under_way_are_not_collected_and_those_of_a_failed_one_are(store: Store) -> None:
    store.open()
    store.back_up({"a": b"a"})
    job = store.start()
    for number in range(10):
        store.put(job, f"n{number}", noise(number, 400))
    first_try = _fail_at(store, job, lambda: store.rows("SELECT count(*) FROM manifest_drafts") == [(2,)])
    drafts = store.rows("SELECT chunk_no FROM manifest_drafts ORDER BY part")
    assert first_try
    assert len(drafts) == 2
    store.collect()
    for (number,) in drafts:
        assert store.rows(f"SELECT count(*) FROM chunks WHERE chunk_no = {number}") == [(1,)]
    store.commit(job)
    store.collect()
    for (number,) in drafts:
        assert store.rows(f"SELECT count(*) FROM chunks WHERE chunk_no = {number}") == [(0,)]
    before = store.says()
    store.close()
    store.lose_catalog()
    assert store.rebuild().is_whole
    store.open()
    assert store.says() == before


@pytest.mark.usefixtures("small_parts")
def test_parts_of_a_job_that_was_given_up_go(store: Store) -> None:
    store.open()
    job = store.start()
    for number in range(10):
        store.put(job, f"n{number}", noise(number, 400))
    assert _fail_at(store, job, lambda: store.rows("SELECT count(*) FROM manifest_drafts") == [(2,)])
    store.call("StopBackupJob", BackupJobId=job)
    store.collect()
    assert store.rows("SELECT count(*) FROM manifest_drafts") == [(0,)]
    # The records of the vault and of the job that never was a recovery point.
    assert store.rows("SELECT count(*) FROM chunks") == [(2,)]


@pytest.mark.usefixtures("small_parts")
def test_parts_of_a_manifest_that_was_being_written_anew_are_given_up_at_the_next_start(store: Store) -> None:
    store.open()
    arn = large_history(store)[0]
    chunks = store.rows("SELECT count(*) FROM chunks")
    assert store.system is not None
    inner = store.system.catalog.run

    def run(steps: Sequence[Callable], purpose: Purpose = Purpose.CHANGE) -> list:
        # That a pack is begun is told by itself, and told again.
        if purpose is not Purpose.ADD and store.rows("SELECT count(*) FROM manifest_drafts") == [(2,)]:
            raise Unavailable("the power failed")
        return inner(steps, purpose)

    store.system.commits._transactions.run = run  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        store.resealer().manifest(arn.rsplit(":", 1)[1])
    store.system.commits._transactions.run = inner  # type: ignore[method-assign]
    store.close()
    store.open()
    assert store.rows("SELECT count(*) FROM manifest_drafts") == [(0,)]
    store.collect()
    assert store.rows("SELECT count(*) FROM chunks") == chunks


def _fail_at(store: Store, job: str, now: Callable[[], bool]) -> bool:
    """Lets one transaction of the job's commit fail, the first for which it is time; whether one did."""
    assert store.system is not None
    catalog = store.system.catalog
    inner = catalog.run
    failed = []

    def run(steps: Sequence[Callable], purpose: Purpose = Purpose.CHANGE) -> list:
        if not failed and purpose is not Purpose.ADD and now():
            failed.append(True)
            raise Unavailable("the power failed")
        return inner(steps, purpose)

    catalog.run = run  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        store.commit(job)
    return bool(failed)
