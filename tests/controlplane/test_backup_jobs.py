import uuid

import pytest

from holdfast.catalog import backup_jobs
from holdfast.catalog.transaction import Tx
from holdfast.model.errors import InvalidInput, InvalidState, NotFound
from holdfast.model.job import BackupJobState
from tests.controlplane.conftest import ROLE, SECOND, Hands

HOME = "arn:aws:holdfast:local:000000000000:source/home"
HOUR = 3600 * SECOND


def described(hands: Hands, job_id: str) -> dict[str, object]:
    return dict(hands.call("DescribeBackupJob", BackupJobId=job_id))


def listed(hands: Hands, **filters: object) -> list[object]:
    jobs = hands.call("ListBackupJobs", **filters)["BackupJobs"]
    return [one["BackupJobId"] for one in jobs]  # type: ignore[attr-defined]


def test_a_started_job_runs_and_tells_its_recovery_point(hands: Hands) -> None:
    lifecycle = {"DeleteAfterDays": 30}
    started = hands.call(
        "StartBackupJob",
        BackupVaultName="default",
        ResourceArn=HOME,
        IamRoleArn=ROLE,
        Lifecycle=lifecycle,
        BackupOptions={"k": "v"},
    )
    assert uuid.UUID(str(started["BackupJobId"])).version == 4
    shown = described(hands, str(started["BackupJobId"]))
    assert shown["State"] == "RUNNING"
    assert shown["RecoveryPointArn"] == started["RecoveryPointArn"]
    assert shown["CreationDate"] == started["CreationDate"] == hands.time_us
    assert (shown["ResourceArn"], shown["ResourceName"], shown["ResourceType"]) == (HOME, "home", "Holdfast")
    assert shown["RecoveryPointLifecycle"] == lifecycle
    assert shown["BackupOptions"] == {"k": "v"}
    assert "CompletionDate" not in shown


def test_a_committed_job_is_completed(hands: Hands) -> None:
    job_id = hands.start()
    hands.time_us += SECOND
    arn = hands.commit(job_id)
    shown = described(hands, job_id)
    assert (shown["State"], shown["PercentDone"], shown["BackupSizeInBytes"]) == ("COMPLETED", "100.0", 700)
    assert (shown["RecoveryPointArn"], shown["CompletionDate"]) == (arn, hands.time_us)


def test_a_second_job_of_the_source_is_refused_with_the_first_ones_id(hands: Hands) -> None:
    job_id = hands.start()
    with pytest.raises(InvalidState, match=f"{job_id}.*commit it, stop it with StopBackupJob, or resume it"):
        hands.start()
    hands.start("work")
    hands.call("CreateBackupVault", BackupVaultName="other")
    hands.start(vault="other")


def test_a_committing_job_holds_its_source_too(hands: Hands) -> None:
    job_id = hands.start()

    def commit_begins(tx: Tx, _: object) -> None:
        job = backup_jobs.find(tx, job_id)
        assert job is not None
        backup_jobs.move(tx, job.job_no, BackupJobState.COMMITTING, None, None)

    hands.writes.submit((), commit_begins)
    assert described(hands, job_id)["State"] == "RUNNING"
    with pytest.raises(InvalidState, match=job_id):
        hands.start()


@pytest.mark.parametrize("window", [None, 1, 60])
def test_a_job_expires_when_nobody_touches_it_for_its_window(hands: Hands, window: int | None) -> None:
    params = {} if window is None else {"CompleteWindowMinutes": window}
    job_id = hands.start(**params)
    hands.time_us += (window or 60) * 60 * SECOND
    assert described(hands, job_id)["State"] == "RUNNING"
    assert not hands.expiry.step(hands.time_us)
    hands.time_us += 1
    assert described(hands, job_id)["State"] == "EXPIRED"  # seen before the worker comes
    assert listed(hands, ByState="EXPIRED") == [job_id]
    assert listed(hands, ByState="RUNNING") == []
    assert hands.expiry.step(hands.time_us)
    assert described(hands, job_id)["CompletionDate"] == hands.time_us
    assert "lease" in str(described(hands, job_id)["StatusMessage"])
    assert listed(hands, ByState="EXPIRED") == [job_id]
    assert not hands.expiry.step(hands.time_us)


def test_an_overdue_job_makes_way_for_a_new_one(hands: Hands) -> None:
    overdue = hands.start()
    hands.time_us += HOUR + 1
    fresh = hands.start()
    assert described(hands, overdue)["State"] == "EXPIRED"
    assert described(hands, fresh)["State"] == "RUNNING"


@pytest.mark.parametrize("minutes", [0, -1, 10**9])
def test_a_window_out_of_range_is_refused(hands: Hands, minutes: int) -> None:
    with pytest.raises(InvalidInput, match="CompleteWindowMinutes"):
        hands.start(CompleteWindowMinutes=minutes)


def test_an_idempotency_token_gives_the_job_that_it_started(hands: Hands) -> None:
    first = hands.start(IdempotencyToken="t1", Lifecycle={"DeleteAfterDays": 1})
    assert hands.start(IdempotencyToken="t1", Lifecycle={"DeleteAfterDays": 1}) == first
    hands.commit(first)
    assert hands.start(IdempotencyToken="t1", Lifecycle={"DeleteAfterDays": 1}) == first
    for other in ({}, {"Lifecycle": {"DeleteAfterDays": 2}}):
        with pytest.raises(InvalidState, match=first):
            hands.start(IdempotencyToken="t1", **other)
    with pytest.raises(InvalidState, match=first):
        hands.start("work", IdempotencyToken="t1", Lifecycle={"DeleteAfterDays": 1})
    assert len(listed(hands)) == 1


def test_arns_out_of_form_and_unknown_vaults_are_refused(hands: Hands) -> None:
    good = {"BackupVaultName": "default", "ResourceArn": HOME, "IamRoleArn": ROLE}
    for name in ("ResourceArn", "IamRoleArn"):
        with pytest.raises(InvalidInput, match=name):
            hands.call("StartBackupJob", **{**good, name: "home"})
    with pytest.raises(NotFound, match="attic"):
        hands.call("StartBackupJob", **{**good, "BackupVaultName": "attic"})
    with pytest.raises(InvalidInput, match="LogicallyAirGapped"):
        hands.call("StartBackupJob", **good, LogicallyAirGappedBackupVaultArn=HOME)
    with pytest.raises(InvalidInput, match="IdempotencyToken"):
        hands.call("StartBackupJob", **good, IdempotencyToken="x" * 257)
    assert listed(hands) == []


def test_a_stopped_job_is_aborted_and_frees_its_source(hands: Hands) -> None:
    job_id = hands.start()
    hands.call("StopBackupJob", BackupJobId=job_id)
    hands.call("StopBackupJob", BackupJobId=job_id)  # a client that missed the answer says it again
    assert described(hands, job_id)["State"] == "ABORTED"
    hands.start()


def test_jobs_that_have_ended_otherwise_cannot_be_stopped(hands: Hands) -> None:
    done = hands.start()
    hands.commit(done)
    overdue = hands.start()
    hands.time_us += HOUR + 1
    for job_id, state in ((done, "COMPLETED"), (overdue, "EXPIRED")):
        with pytest.raises(InvalidState, match=f"{job_id} is {state}"):
            hands.call("StopBackupJob", BackupJobId=job_id)


def test_an_unknown_job_is_not_found(hands: Hands) -> None:
    for operation in ("DescribeBackupJob", "StopBackupJob", "GetIncrementalBaseBackup"):
        with pytest.raises(NotFound, match="nobody"):
            hands.call(operation, BackupJobId="nobody")


def test_the_base_is_the_newest_kept_recovery_point(hands: Hands) -> None:
    first = hands.start()
    assert hands.call("GetIncrementalBaseBackup", BackupJobId=first) == {}
    old, new = hands.commit(first), hands.commit(hands.start())
    third = hands.start()
    assert hands.call("GetIncrementalBaseBackup", BackupJobId=third) == {"RecoveryPointArn": new}
    hands.call("StopBackupJob", BackupJobId=third)
    hands.call("DeleteRecoveryPoint", BackupVaultName="default", RecoveryPointArn=new)
    assert hands.call("GetIncrementalBaseBackup", BackupJobId=hands.start()) == {"RecoveryPointArn": old}


def test_every_filter_of_the_list_chooses(hands: Hands) -> None:
    begin = hands.time_us
    hands.call("CreateBackupVault", BackupVaultName="other")
    done, aborted = hands.start("a"), hands.start("b")
    hands.time_us += SECOND
    hands.commit(done)
    running = hands.start("c", vault="other")
    foreign = "arn:aws:ec2:eu-west-1:000000000000:volume/v"
    answer = hands.call("StartBackupJob", BackupVaultName="other", ResourceArn=foreign, IamRoleArn=ROLE)
    volume = str(answer["BackupJobId"])
    hands.time_us += SECOND
    hands.call("StopBackupJob", BackupJobId=aborted)

    assert listed(hands) == [volume, running, aborted, done]
    assert listed(hands, ByState="COMPLETED") == [done]
    assert listed(hands, ByState="RUNNING") == [volume, running]
    assert listed(hands, ByState="ABORTED") == [aborted]
    assert listed(hands, ByState="FAILED") == []
    assert listed(hands, ByBackupVaultName="other") == [volume, running]
    assert listed(hands, ByResourceArn=foreign) == [volume]
    assert listed(hands, ByResourceType="ec2") == [volume]
    assert listed(hands, ByResourceType="Holdfast", ByBackupVaultName="other") == [running]
    assert listed(hands, ByCreatedAfter=begin) == [volume, running]
    assert listed(hands, ByCreatedBefore=begin + SECOND) == [aborted, done]
    assert listed(hands, ByCreatedBefore=begin) == []
    assert listed(hands, ByCompleteAfter=begin + SECOND) == [aborted]
    assert listed(hands, ByCompleteBefore=begin + 2 * SECOND) == [done]
    assert listed(hands, ByAccountId="000000000000", ByState="COMPLETED") == [done]
    assert listed(hands, ByAccountId="111111111111") == []
    assert listed(hands, ByParentJobId=done) == []
    assert listed(hands, ByMessageCategory="SUCCESS") == [done]
    assert listed(hands, ByMessageCategory="SUCCESS", ByState="RUNNING") == []
    assert listed(hands, ByMessageCategory="AccessDenied") == []


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 1000])
def test_jobs_are_listed_newest_first_at_every_page_size(hands: Hands, size: int) -> None:
    jobs = [hands.start(f"source-{number}") for number in range(5)]
    pages = hands.pages("ListBackupJobs", "BackupJobs", MaxResults=size)
    assert [one["BackupJobId"] for page in pages for one in page] == jobs[::-1]
    assert all(len(page) == size for page in pages[:-1])


def test_what_happens_between_two_pages_shifts_nothing(hands: Hands) -> None:
    jobs = [hands.start(f"source-{number}") for number in range(4)]
    first = hands.call("ListBackupJobs", MaxResults=2, ByState="RUNNING")
    hands.start("late")
    hands.call("StopBackupJob", BackupJobId=jobs[3])
    rest = hands.call("ListBackupJobs", MaxResults=2, ByState="RUNNING", NextToken=first["NextToken"])
    assert [one["BackupJobId"] for one in rest["BackupJobs"]] == [jobs[1], jobs[0]]  # type: ignore[attr-defined]


@pytest.mark.parametrize("control", ["\x1b", "\x7f", "\u009b", "\u2028", "\ud800"])
def test_names_that_are_kept_to_be_shown_have_no_control_characters(hands: Hands, control: str) -> None:
    name = f"a{control}b"
    job = {"BackupVaultName": "default", "ResourceArn": HOME, "IamRoleArn": ROLE}
    kept: list[dict[str, object]] = [
        {"ResourceArn": HOME + name},
        {"IamRoleArn": ROLE + name},
        {"IdempotencyToken": name},
        {"RecoveryPointTags": {name: "v"}},
        {"RecoveryPointTags": {"k": name}},
        {"BackupOptions": {"k": name}},
    ]
    for members in kept:
        with pytest.raises(InvalidInput, match=r"(must be an ARN|must have|are not allowed)"):
            hands.call("StartBackupJob", **(job | members))
    for members in ({"BackupVaultTags": {"k": name}}, {"CreatorRequestId": name}, {"EncryptionKeyArn": HOME + name}):
        with pytest.raises(InvalidInput, match=r"(must be an ARN|must have|are not allowed)"):
            hands.call("CreateBackupVault", BackupVaultName="new", **members)
    assert listed(hands) == []


def test_what_was_named_with_a_control_character_before_can_still_be_listed(hands: Hands) -> None:
    hands.start()
    arn = HOME + "\u009b"
    hands.writes.submit((), lambda tx, _: tx.run("UPDATE series SET resource_arn = :arn", {"arn": arn}))
    points = hands.call("ListRecoveryPointsByResource", ResourceArn=arn)
    assert points["RecoveryPoints"] == []
    assert len(listed(hands, ByResourceArn=arn)) == 1
