import pytest

from holdfast.model.errors import InvalidInput, InvalidState, NotFound
from tests.controlplane.conftest import ROLE, SECOND, Hands

HOUR = 3600 * SECOND


def start(hands: Hands, arn: str, **params: object) -> str:
    return str(hands.call("StartRestoreJob", RecoveryPointArn=arn, Metadata={"to": "/"}, **params)["RestoreJobId"])


def described(hands: Hands, job_id: str) -> dict[str, object]:
    return dict(hands.call("DescribeRestoreJob", RestoreJobId=job_id))


def listed(hands: Hands, **filters: object) -> list[object]:
    jobs = hands.call("ListRestoreJobs", **filters)["RestoreJobs"]
    return [one["RestoreJobId"] for one in jobs]  # type: ignore[attr-defined]


@pytest.fixture
def point(hands: Hands) -> str:
    return hands.commit(hands.start())


def test_a_restore_job_runs_until_its_reader_is_done(hands: Hands, point: str) -> None:
    job_id = start(hands, point, IamRoleArn=ROLE)
    shown = described(hands, job_id)
    assert (shown["Status"], shown["RecoveryPointArn"], shown["IamRoleArn"]) == ("RUNNING", point, ROLE)
    assert (shown["ResourceType"], shown["BackupSizeInBytes"]) == ("Holdfast", 700)
    hands.time_us += SECOND
    hands.call("CompleteRestoreJob", StorageJobId=job_id)
    hands.call("CompleteRestoreJob", StorageJobId=job_id)
    shown = described(hands, job_id)
    assert (shown["Status"], shown["CompletionDate"]) == ("COMPLETED", hands.time_us)
    assert "StatusMessage" not in shown


def test_a_restore_job_that_nobody_reads_ends_with_its_lease(hands: Hands, point: str) -> None:
    job_id = start(hands, point)
    hands.time_us += HOUR + 1
    for _ in range(2):  # before and after the worker noticed
        shown = described(hands, job_id)
        assert shown["Status"] == "COMPLETED"
        assert "nobody" in str(shown["StatusMessage"])
        assert listed(hands, ByStatus="COMPLETED") == [job_id]
        assert listed(hands, ByStatus="RUNNING") == []
        hands.expiry.step(hands.time_us)
    assert described(hands, job_id)["CompletionDate"] == hands.time_us


def test_a_restore_job_fails_when_its_recovery_point_is_deleted(hands: Hands, point: str) -> None:
    other = hands.commit(hands.start())
    failing, done, surviving = start(hands, point), start(hands, point), start(hands, other)
    hands.call("CompleteRestoreJob", StorageJobId=done)
    hands.call("DeleteRecoveryPoint", BackupVaultName="default", RecoveryPointArn=point)
    assert [described(hands, one)["Status"] for one in (failing, done, surviving)] == ["FAILED", "COMPLETED", "RUNNING"]
    assert "deleted" in str(described(hands, failing)["StatusMessage"])
    with pytest.raises(InvalidState, match="FAILED"):
        hands.call("CompleteRestoreJob", StorageJobId=failing)


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:backup:local:000000000000:recovery-point:11111111-2222-4333-8444-555555555555",
        "arn:aws:ec2:eu-west-1::snapshot/snap-1",
    ],
)
def test_a_recovery_point_that_is_not_there_is_not_found(hands: Hands, arn: str) -> None:
    with pytest.raises(NotFound):
        start(hands, arn)


def test_input_out_of_form_is_refused(hands: Hands, point: str) -> None:
    with pytest.raises(InvalidInput, match="RecoveryPointArn"):
        start(hands, "latest")
    with pytest.raises(InvalidInput, match="IamRoleArn"):
        start(hands, point, IamRoleArn="me")
    with pytest.raises(InvalidInput, match="Metadata"):
        hands.call("StartRestoreJob", RecoveryPointArn=point, Metadata={"x": "y" * 20_000})


def test_an_idempotency_token_gives_the_job_that_it_started(hands: Hands, point: str) -> None:
    first = start(hands, point, IdempotencyToken="t")
    assert start(hands, point, IdempotencyToken="t") == first
    with pytest.raises(InvalidState, match=first):
        start(hands, point, IdempotencyToken="t", IamRoleArn=ROLE)
    hands.call("DeleteRecoveryPoint", BackupVaultName="default", RecoveryPointArn=point)
    assert start(hands, point, IdempotencyToken="t") == first
    assert listed(hands) == [first]


def test_an_unknown_job_and_a_backup_job_are_told_apart(hands: Hands) -> None:
    for operation, name in (("DescribeRestoreJob", "RestoreJobId"), ("CompleteRestoreJob", "StorageJobId")):
        with pytest.raises(NotFound, match="nobody"):
            hands.call(operation, **{name: "nobody"})
    with pytest.raises(InvalidState, match="CommitBackupJob"):
        hands.call("CompleteRestoreJob", StorageJobId=hands.start())


def test_every_filter_of_the_list_chooses(hands: Hands, point: str) -> None:
    begin = hands.time_us
    done, typed = start(hands, point), start(hands, point, ResourceType="EBS")
    hands.time_us += SECOND
    running = start(hands, point)
    hands.call("CompleteRestoreJob", StorageJobId=done)
    assert listed(hands) == [running, typed, done]
    assert listed(hands, ByStatus="COMPLETED") == [done]
    assert listed(hands, ByStatus="RUNNING") == [running, typed]
    assert listed(hands, ByResourceType="EBS") == [typed]
    assert listed(hands, ByResourceType="Holdfast") == [running, done]
    assert listed(hands, ByCreatedAfter=begin) == [running]
    assert listed(hands, ByCreatedBefore=begin + SECOND) == [typed, done]
    assert listed(hands, ByCompleteAfter=begin) == [done]
    assert listed(hands, ByCompleteBefore=begin + SECOND) == []
    assert listed(hands, ByAccountId="000000000000", ByStatus="COMPLETED") == [done]
    for foreign in ({"ByAccountId": "111111111111"}, {"ByParentJobId": done}, {"ByRestoreTestingPlanArn": point}):
        assert listed(hands, **foreign) == []


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_jobs_are_listed_newest_first_at_every_page_size(hands: Hands, point: str, size: int) -> None:
    jobs = [start(hands, point) for _ in range(3)]
    pages = hands.pages("ListRestoreJobs", "RestoreJobs", MaxResults=size)
    assert [one["RestoreJobId"] for page in pages for one in page] == jobs[::-1]
