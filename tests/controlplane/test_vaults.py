import pytest

from holdfast.catalog import vaults
from holdfast.model.errors import AlreadyExists, InvalidInput, InvalidState, NotFound
from tests.controlplane.conftest import ALICE, Hands

KEY = "arn:aws:kms:eu-west-1:000000000000:key/1"


def test_a_new_vault_is_described_and_has_keys(hands: Hands) -> None:
    made = hands.call("CreateBackupVault", BackupVaultName="tower", EncryptionKeyArn=KEY, BackupVaultTags={"a": "b"})
    shown = hands.call("DescribeBackupVault", BackupVaultName="tower")
    assert made == {
        "BackupVaultName": "tower",
        "BackupVaultArn": "arn:aws:backup:local:000000000000:backup-vault:tower",
        "CreationDate": hands.time_us,
    }
    assert shown["BackupVaultArn"] == made["BackupVaultArn"]
    assert shown["EncryptionKeyArn"] == KEY
    assert shown["NumberOfRecoveryPoints"] == 0
    with hands.catalog.snapshot() as tx:
        row = vaults.get(tx, "tower")
    assert row.options == '{"BackupVaultTags":{"a":"b"}}'
    assert hands.keys.numbers(row.uid) == [1]


def test_the_same_creator_request_id_makes_one_vault(hands: Hands) -> None:
    first = hands.call("CreateBackupVault", BackupVaultName="tower", CreatorRequestId="r1")
    hands.time_us += 5
    assert hands.call("CreateBackupVault", BackupVaultName="tower", CreatorRequestId="r1") == first


@pytest.mark.parametrize("other", [{"CreatorRequestId": "r2"}, {}, {"CreatorRequestId": "r1", "EncryptionKeyArn": KEY}])
def test_a_taken_name_is_refused_with_the_arn(hands: Hands, other: dict[str, object]) -> None:
    first = hands.call("CreateBackupVault", BackupVaultName="tower", CreatorRequestId="r1")
    with pytest.raises(AlreadyExists) as refused:
        hands.call("CreateBackupVault", BackupVaultName="tower", **other)
    assert refused.value.arn == first["BackupVaultArn"]


def test_two_requests_without_an_id_are_two_requests(hands: Hands) -> None:
    hands.call("CreateBackupVault", BackupVaultName="tower")
    with pytest.raises(AlreadyExists):
        hands.call("CreateBackupVault", BackupVaultName="tower")


@pytest.mark.parametrize("name", ["", "x", "a" * 51, "white space", "ünï", "a/b", "tower\n"])
def test_a_name_out_of_form_is_refused(hands: Hands, name: str) -> None:
    with pytest.raises(InvalidInput, match="2 to 50"):
        hands.call("CreateBackupVault", BackupVaultName=name)


def test_tags_that_are_too_long_to_keep_are_refused(hands: Hands) -> None:
    with pytest.raises(InvalidInput, match="BackupVaultTags"):
        hands.call("CreateBackupVault", BackupVaultName="tower", BackupVaultTags={"a": "b" * 20_000})


@pytest.mark.parametrize("size", [1, 2, 3, 4, 1000])
def test_vaults_are_listed_by_name_at_every_page_size(hands: Hands, size: int) -> None:
    for name in ("zeta", "Beta", "alpha"):
        hands.call("CreateBackupVault", BackupVaultName=name)
    pages = hands.pages("ListBackupVaults", "BackupVaultList", MaxResults=size)
    assert [one["BackupVaultName"] for page in pages for one in page] == ["Beta", "alpha", "default", "zeta"]
    assert all(len(page) == size for page in pages[:-1])
    assert 0 < len(pages[-1]) <= size


@pytest.mark.parametrize("filters", [{"ByVaultType": "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"}, {"ByShared": True}])
def test_kinds_of_vaults_that_there_are_none_of_give_an_empty_list(hands: Hands, filters: dict[str, object]) -> None:
    assert hands.call("ListBackupVaults", **filters) == {"BackupVaultList": []}


def test_a_page_size_out_of_range_is_refused(hands: Hands) -> None:
    for size in (0, -1, 1001):
        with pytest.raises(InvalidInput, match="1 to 1000"):
            hands.call("ListBackupVaults", MaxResults=size)


def test_a_token_of_another_list_is_refused(hands: Hands) -> None:
    hands.call("CreateBackupVault", BackupVaultName="tower")
    token = hands.call("ListBackupVaults", MaxResults=1)["NextToken"]
    for operation in ("ListBackupJobs", "ListRestoreJobs"):
        with pytest.raises(InvalidInput, match="NextToken"):
            hands.call(operation, NextToken=token)


def test_an_empty_vault_is_deleted_and_its_name_is_free(hands: Hands) -> None:
    hands.call("DeleteBackupVault", BackupVaultName="default")
    with pytest.raises(NotFound):
        hands.call("DescribeBackupVault", BackupVaultName="default")
    assert hands.call("ListBackupVaults") == {"BackupVaultList": []}
    hands.call("CreateBackupVault", BackupVaultName="default")


def test_a_vault_that_holds_recovery_points_is_not_deleted(hands: Hands) -> None:
    arns = [hands.commit(hands.start()) for _ in range(2)]
    assert hands.call("DescribeBackupVault", BackupVaultName="default")["NumberOfRecoveryPoints"] == 2
    for left, arn in zip(("2 recovery points", "1 recovery point:"), arns, strict=True):
        with pytest.raises(InvalidState, match=left):
            hands.call("DeleteBackupVault", BackupVaultName="default")
        hands.call("DeleteRecoveryPoint", BackupVaultName="default", RecoveryPointArn=arn)
    hands.call("DeleteBackupVault", BackupVaultName="default")
    assert hands.call("ListBackupJobs")["BackupJobs"][0]["BackupVaultName"] == "default"


def test_a_vault_that_a_job_writes_to_is_not_deleted(hands: Hands) -> None:
    job_id = hands.start()
    with pytest.raises(InvalidState, match="1 backup job still runs"):
        hands.call("DeleteBackupVault", BackupVaultName="default")
    hands.call("StopBackupJob", BackupJobId=job_id)
    hands.call("DeleteBackupVault", BackupVaultName="default")


def test_a_vault_that_is_not_there_is_not_found(hands: Hands) -> None:
    for operation in ("DescribeBackupVault", "DeleteBackupVault", "ListRecoveryPointsByBackupVault"):
        with pytest.raises(NotFound, match="attic"):
            hands.call(operation, BackupVaultName="attic")
    with pytest.raises(NotFound, match="111111111111"):
        hands.call("DescribeBackupVault", BackupVaultName="default", BackupVaultAccountId="111111111111")


def test_every_served_operation_of_aws_backup_has_a_handler(hands: Hands) -> None:
    from holdfast.wire import specs

    served = {one.name for one in specs.load().operations if one.service == "backup"}
    assert served <= set(hands.handlers)
    assert set(hands.handlers) - served == {"GetIncrementalBaseBackup", "CompleteRestoreJob"}
    assert ALICE.account == "000000000000"
