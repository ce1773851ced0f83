"""Expiry against those who use the job, and against itself."""

from tests.concurrency.stage import DAY_US, Stage
from tests.dataplane.rig import LEASE_US


def test_a_job_that_is_touched_while_it_is_being_expired_lives_on(stage: Stage) -> None:
    """The worker has found the job overdue; before it ends it, a write arrives whose clock was read in time."""
    job = stage.start()
    started = stage.clock.us

    def write_in_time() -> None:
        stage.clock.us = started + LEASE_US - 1_000_000
        stage.put(job, "x", b"data")
        stage.clock.us = started + LEASE_US + 1_000_000

    stage.clock.us = started + LEASE_US + 1_000_000
    stage.stops.before("submit", write_in_time)
    assert not stage.slow_expire()
    assert stage.stops.all_reached
    assert stage.state(job) == "RUNNING"
    assert stage.contents(job) == {"x": b"data"}


def test_a_job_that_is_committed_while_it_is_being_expired_stays_committed(stage: Stage) -> None:
    job = stage.start()
    stage.put(job, "x", b"data")
    started = stage.clock.us

    def commit_in_time() -> None:
        stage.clock.us = started + 1_000_000
        stage.commit(job)
        stage.clock.us = started + DAY_US

    stage.clock.us = started + DAY_US
    stage.stops.before("submit", commit_in_time)
    assert not stage.slow_expire()
    assert stage.state(job) == "COMPLETED"
    stage.sweep()
    assert stage.contents(stage.restore(stage.points()[0])) == {"x": b"data"}


def test_a_job_that_two_expire_ends_once(stage: Stage) -> None:
    job = stage.start()
    stage.let_leases_end()
    stage.stops.before("submit", stage.expire)
    assert not stage.slow_expire()
    assert stage.state(job) == "EXPIRED"
    with stage.catalog.snapshot() as tx:
        assert tx.all("SELECT count(*) FROM dead_seqs") == [(1,)]


def test_a_reader_of_a_job_that_expires_meanwhile_keeps_its_moment(stage: Stage) -> None:
    job = stage.start()
    stage.put(job, "x", b"data")

    def expire() -> None:
        stage.let_leases_end()
        assert stage.expire()
        stage.sweep()

    stage.stops.before("look", expire)
    listed = stage.slow("ListObjects", StorageJobId=job)["ObjectList"]
    assert stage.stops.all_reached
    assert [one["Name"] for one in listed] == ["x"]  # type: ignore[attr-defined]


def test_a_restore_job_that_is_read_while_it_is_being_expired_lives_on(stage: Stage) -> None:
    writing = stage.start()
    stage.put(writing, "x", b"data")
    reading = stage.restore(stage.commit(writing))
    started = stage.clock.us

    def read_in_time() -> None:
        stage.clock.us = started + LEASE_US - 1_000_000
        stage.contents(reading)
        stage.clock.us = started + LEASE_US + 1_000_000

    stage.clock.us = started + LEASE_US + 1_000_000
    stage.stops.before("submit", read_in_time)
    assert not stage.slow_expire()
    assert stage.contents(reading) == {"x": b"data"}
