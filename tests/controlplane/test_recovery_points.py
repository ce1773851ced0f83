import pytest

from holdfast.model.errors import InvalidInput, NotFound
from tests.controlplane.conftest import ROLE, SECOND, Hands

HOME = "arn:aws:holdfast:local:000000000000:source/home"


def in_vault(hands: Hands, vault: str = "default", **filters: object) -> list[object]:
    points = hands.call("ListRecoveryPointsByBackupVault", BackupVaultName=vault, **filters)["RecoveryPoints"]
    return [one["RecoveryPointArn"] for one in points]  # type: ignore[attr-defined]


def of_source(hands: Hands, arn: str) -> list[object]:
    points = hands.call("ListRecoveryPointsByResource", ResourceArn=arn)["RecoveryPoints"]
    return [one["RecoveryPointArn"] for one in points]  # type: ignore[attr-defined]


def test_a_recovery_point_is_described_by_vault_and_arn(hands: Hands) -> None:
    job_id = hands.start(Lifecycle={"DeleteAfterDays": 30}, RecoveryPointTags={"t": "u"})
    created_us = hands.time_us
    hands.time_us += SECOND
    arn = hands.commit(job_id)
    shown = hands.call("DescribeRecoveryPoint", BackupVaultName="default", RecoveryPointArn=arn)
    assert shown["RecoveryPointArn"] == arn
    assert (shown["Status"], shown["BackupSizeInBytes"], shown["IsEncrypted"]) == ("COMPLETED", 700, True)
    assert (shown["CreationDate"], shown["CompletionDate"]) == (created_us, hands.time_us)
    assert (shown["ResourceArn"], shown["ResourceName"], shown["IamRoleArn"]) == (HOME, "home", ROLE)
    assert shown["Lifecycle"] == {"DeleteAfterDays": 30}


def test_a_recovery_point_is_not_found_in_another_vault(hands: Hands) -> None:
    arn = hands.commit(hands.start())
    hands.call("CreateBackupVault", BackupVaultName="other")
    for operation in ("DescribeRecoveryPoint", "DeleteRecoveryPoint"):
        with pytest.raises(NotFound, match="other"):
            hands.call(operation, BackupVaultName="other", RecoveryPointArn=arn)
        with pytest.raises(NotFound):
            hands.call(operation, BackupVaultName="default", RecoveryPointArn=arn + "0")
        with pytest.raises(InvalidInput, match="RecoveryPointArn"):
            hands.call(operation, BackupVaultName="default", RecoveryPointArn="latest")
    assert in_vault(hands) == [arn]


def test_a_deleted_recovery_point_is_gone_from_every_list(hands: Hands) -> None:
    arns = [hands.commit(hands.start()) for _ in range(3)]
    hands.call("DeleteRecoveryPoint", BackupVaultName="default", RecoveryPointArn=arns[1])
    assert in_vault(hands) == of_source(hands, HOME) == [arns[2], arns[0]]
    for operation in ("DescribeRecoveryPoint", "DeleteRecoveryPoint"):
        with pytest.raises(NotFound):
            hands.call(operation, BackupVaultName="default", RecoveryPointArn=arns[1])


def test_every_filter_of_the_vaults_list_chooses(hands: Hands) -> None:
    begin = hands.time_us
    home = hands.commit(hands.start())
    hands.time_us += SECOND
    work = hands.commit(hands.start("work"))
    assert in_vault(hands) == [work, home]
    assert in_vault(hands, ByResourceArn=HOME) == [home]
    assert in_vault(hands, ByResourceType="Holdfast") == [work, home]
    assert in_vault(hands, ByResourceType="EBS") == []
    assert in_vault(hands, ByCreatedAfter=begin) == [work]
    assert in_vault(hands, ByCreatedBefore=begin + SECOND) == [home]
    assert in_vault(hands, ByBackupPlanId="p") == []
    assert in_vault(hands, ByParentRecoveryPointArn=home) == []


def test_recovery_points_of_a_source_come_from_every_vault(hands: Hands) -> None:
    here = hands.commit(hands.start())
    hands.call("CreateBackupVault", BackupVaultName="other")
    there = hands.commit(hands.start(vault="other"))
    hands.commit(hands.start("work"))
    assert of_source(hands, HOME) == [there, here]
    assert of_source(hands, HOME + "less") == []
    assert in_vault(hands, "other") == [there]
    with pytest.raises(InvalidInput, match="ResourceArn"):
        of_source(hands, "home")


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_recovery_points_are_listed_newest_first_at_every_page_size(hands: Hands, size: int) -> None:
    arns = [hands.commit(hands.start()) for _ in range(3)]
    for operation, key in (
        ("ListRecoveryPointsByBackupVault", {"BackupVaultName": "default"}),
        ("ListRecoveryPointsByResource", {"ResourceArn": HOME}),
    ):
        pages = hands.pages(operation, "RecoveryPoints", MaxResults=size, **key)
        assert [one["RecoveryPointArn"] for page in pages for one in page] == arns[::-1]
