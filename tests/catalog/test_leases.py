from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast.catalog import backup_jobs, leases, recovery_points, restore_jobs
from holdfast.catalog.objects import View
from holdfast.catalog.restore_jobs import NewRestoreJob
from holdfast.catalog.transaction import Tx
from holdfast.model.errors import InvalidState, NotFound
from holdfast.model.job import BackupJobState, RestoreJobState
from holdfast.model.lease import is_over, touch_due
from tests.backends import Backend
from tests.upkeep.ledger import LEASE, NOW, Ledger

SECOND = 1_000_000


@pytest.fixture
def ledger(backend: Backend, tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(backend.place(tmp_path / "store").catalog())
    yield ledger
    ledger.catalog.close()


def end_as(state: BackupJobState) -> Callable[[Tx], None]:
    def step(tx: Tx) -> None:
        job = backup_jobs.find(tx, "job-1")
        assert job is not None
        backup_jobs.move(tx, job.job_no, state, None, NOW)

    return step


def readable(ledger: Ledger, storage_job_id: str, now_us: int = NOW) -> leases.Readable:
    with ledger.catalog.snapshot() as tx:
        return leases.require_readable(tx, storage_job_id, now_us)


def restore_job(ledger: Ledger, point_uid: str) -> str:
    def step(tx: Tx) -> str:
        point = recovery_points.find(tx, point_uid)
        assert point is not None
        job = NewRestoreJob(f"restore-of-{point_uid}", point.point_no, point_uid, None, None, "{}", None, NOW, LEASE)
        restore_jobs.insert(tx, job)
        return job.uid

    return ledger.write(step)


def test_a_touch_is_due_every_thirty_seconds_or_twenty_times_in_a_short_lease() -> None:
    assert not touch_due(NOW, LEASE, NOW + 30 * SECOND - 1)
    assert touch_due(NOW, LEASE, NOW + 30 * SECOND)
    assert not touch_due(NOW, 60 * SECOND, NOW + 3 * SECOND - 1)
    assert touch_due(NOW, 60 * SECOND, NOW + 3 * SECOND)
    assert not touch_due(NOW, LEASE, NOW - SECOND)  # clocks of two nodes


def test_a_touch_from_a_clock_that_was_put_back_is_due_again_at_once() -> None:
    assert touch_due(NOW + 400 * 24 * 3600 * SECOND, LEASE, NOW)
    assert touch_due(NOW + 30 * SECOND, LEASE, NOW)


def test_a_lease_is_over_after_its_last_microsecond() -> None:
    assert not is_over(NOW, LEASE, NOW + LEASE)
    assert is_over(NOW, LEASE, NOW + LEASE + 1)


def test_a_running_job_may_go_on_and_is_touched_only_when_due(ledger: Ledger) -> None:
    job = ledger.start("home")
    for later, touched in ((29, 0), (30, 30), (59, 30), (60, 60)):
        found = ledger.write(lambda tx, later=later: leases.require_running(tx, job.uid, NOW + later * SECOND))
        assert found.job_no == job.job_no
        assert ledger.job(job.uid).touched_us == NOW + touched * SECOND


def test_a_job_that_is_used_again_and_again_outlives_its_lease(ledger: Ledger) -> None:
    job = ledger.start("home")
    for quarter in range(20):
        ledger.write(lambda tx, quarter=quarter: leases.require_running(tx, job.uid, NOW + quarter * LEASE // 4))
    assert ledger.job(job.uid).state is BackupJobState.RUNNING


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (BackupJobState.COMMITTING, "job-1 is being committed"),
        (BackupJobState.COMPLETED, "job-1 is COMPLETED"),
        (BackupJobState.ABORTED, "job-1 is ABORTED"),
        (BackupJobState.EXPIRED, "job-1 is EXPIRED"),
    ],
)
def test_a_job_in_any_other_state_may_not_be_written_to(ledger: Ledger, state: BackupJobState, told: str) -> None:
    ledger.start("home")
    ledger.write(end_as(state))
    with pytest.raises(InvalidState, match=told):
        ledger.write(lambda tx: leases.require_running(tx, "job-1", NOW))


def test_an_overdue_job_may_not_be_written_to_even_before_it_was_expired(ledger: Ledger) -> None:
    ledger.start("home")
    with pytest.raises(InvalidState, match="EXPIRED"):
        ledger.write(lambda tx: leases.require_running(tx, "job-1", NOW + LEASE + 1))
    with pytest.raises(NotFound, match="EXPIRED"):
        readable(ledger, "job-1", NOW + LEASE + 1)


def test_an_unknown_id_is_not_found(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="'nobody'"):
        ledger.write(lambda tx: leases.require_running(tx, "nobody", NOW))
    with pytest.raises(NotFound, match="'nobody'"):
        readable(ledger, "nobody")


def test_a_running_job_is_read_as_its_own_view(ledger: Ledger) -> None:
    ledger.commit(ledger.start("home"))
    job = ledger.start("home")
    found = readable(ledger, job.uid)
    assert found.view == View(job.series_no, job.base_seq, own=job.seq, job_no=job.job_no)
    assert (found.kind, found.vault_uid, found.touch_due) == ("backup", b"v" * 16, False)
    ledger.write(lambda tx: backup_jobs.move(tx, job.job_no, BackupJobState.COMMITTING, None, None))
    assert readable(ledger, job.uid) == found


def test_a_restore_job_is_read_as_its_recovery_point(ledger: Ledger) -> None:
    uid = ledger.commit(ledger.start("home"))
    job_id = restore_job(ledger, uid)
    found = readable(ledger, job_id)
    assert (found.view, found.kind, found.touch_due) == (ledger.point_view(uid), "restore", False)
    assert readable(ledger, job_id, NOW + 30 * SECOND).touch_due


def test_readers_renew_their_lease(ledger: Ledger) -> None:
    job_id = restore_job(ledger, ledger.commit(ledger.start("home")))
    ledger.start("home")
    for one in (job_id, "job-2"):
        for quarter in range(1, 9):
            ledger.write(lambda tx, one=one, quarter=quarter: leases.renew(tx, one, NOW + quarter * LEASE // 4))
        assert readable(ledger, one, NOW + 3 * LEASE)
        ledger.write(lambda tx, one=one: leases.renew(tx, one, NOW + 4 * LEASE))  # too late
        with pytest.raises(NotFound):
            readable(ledger, one, NOW + 4 * LEASE)
    ledger.write(lambda tx: leases.renew(tx, "nobody", NOW))


def test_ended_jobs_are_not_readable_and_say_what_to_do(ledger: Ledger) -> None:
    uid = ledger.commit(ledger.start("home"))
    with pytest.raises(NotFound, match=f"StartRestoreJob of .*{uid}"):
        readable(ledger, "job-1")
    ledger.abort(ledger.start("home"))
    with pytest.raises(NotFound, match="job-2 is ABORTED"):
        readable(ledger, "job-2")
    job_id = restore_job(ledger, uid)
    with pytest.raises(NotFound, match="nobody read"):
        readable(ledger, job_id, NOW + LEASE + 1)

    def complete(tx: Tx) -> None:
        job = restore_jobs.find(tx, job_id)
        assert job is not None
        restore_jobs.move(tx, job.job_no, RestoreJobState.COMPLETED, None, NOW)

    ledger.write(complete)
    with pytest.raises(NotFound, match="COMPLETED"):
        readable(ledger, job_id)
    ledger.delete_point(uid)
    with pytest.raises(NotFound, match="was deleted"):
        readable(ledger, job_id)


def test_a_job_ends_once(ledger: Ledger) -> None:
    job = ledger.start("home")
    ledger.abort(job)
    assert not ledger.write(lambda tx: leases.abandon(tx, job, BackupJobState.EXPIRED, "late", NOW))
    assert not ledger.write(lambda tx: leases.expire_backup_job(tx, job.uid, NOW + 2 * LEASE))
    assert ledger.job(job.uid).state is BackupJobState.ABORTED
