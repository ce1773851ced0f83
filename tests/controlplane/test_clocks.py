"""Jobs and recovery points while the clock is set: nothing ends too early, and nothing lives for years."""

from holdfast.upkeep.expiry import Expiry
from tests.controlplane.conftest import SECOND, Hands

MINUTE = 60 * SECOND
YEAR = 365 * 24 * 60 * MINUTE


def state(hands: Hands, job_id: str) -> object:
    return hands.call("DescribeBackupJob", BackupJobId=job_id)["State"]


def test_a_job_from_the_future_is_given_a_lease_that_begins_now(hands: Hands) -> None:
    there = hands.time_us
    hands.time_us = there + YEAR
    job_id = hands.start()
    hands.time_us = there
    assert hands.expiry.step(hands.time_us)
    assert not hands.expiry.step(hands.time_us)
    hands.time_us += 60 * MINUTE
    assert state(hands, job_id) == "RUNNING"
    hands.time_us += 1
    assert hands.expiry.step(hands.time_us)
    assert state(hands, job_id) == "EXPIRED"


def test_a_job_from_the_past_is_not_ended_by_the_clock_that_was_put_right(hands: Hands) -> None:
    since_boot = [0.0]
    expiry = Expiry(hands.catalog, hands.writes, monotonic=lambda: since_boot[0])
    job_id = hands.start()
    expiry.step(hands.time_us)
    since_boot[0] += 10
    hands.time_us += 50 * YEAR
    assert expiry.step(hands.time_us)
    assert state(hands, job_id) == "RUNNING"
    since_boot[0] += 60 * 60 + 1
    hands.time_us += 60 * MINUTE + SECOND
    assert expiry.step(hands.time_us)
    assert state(hands, job_id) == "EXPIRED"


def test_the_list_of_recovery_points_is_in_the_order_of_commits_and_not_of_times(hands: Hands) -> None:
    arns = []
    there = hands.time_us
    for ahead in (YEAR, 0, MINUTE):
        hands.time_us = there + ahead
        arns.append(hands.commit(hands.start()))
    found = hands.call("ListRecoveryPointsByBackupVault", BackupVaultName="default")["RecoveryPoints"]
    assert [point["RecoveryPointArn"] for point in found] == arns[::-1]  # type: ignore[attr-defined]


def test_a_restore_job_from_the_future_ends_a_lease_after_the_clock_was_put_right(hands: Hands) -> None:
    point = hands.commit(hands.start())
    hands.time_us += YEAR
    job_id = hands.call("StartRestoreJob", RecoveryPointArn=point, Metadata={})["RestoreJobId"]
    hands.time_us -= YEAR
    assert hands.expiry.step(hands.time_us)
    hands.time_us += 60 * MINUTE + 1
    assert hands.expiry.step(hands.time_us)
    assert hands.call("DescribeRestoreJob", RestoreJobId=job_id)["Status"] == "COMPLETED"
