"""In a mirror: what our client sends, the service's own codec reads; what the codec answers, our client reads."""

import hashlib

import pytest

from holdfast.client import answers
from holdfast.model import checksum
from holdfast.model.errors import (
    AlreadyExists,
    DataExists,
    HoldfastError,
    InvalidInput,
    InvalidState,
    LimitExceeded,
    MissingInput,
    NotFound,
    Transient,
    Unavailable,
    UnreadableBody,
)
from holdfast.wire import batch
from tests.client.codec_transport import CodecTransport, Handler, api_over

NAMES = ["a", "a/b", "/", "a b+c%2F~", "é/日本語", "x/put-object", "complete", "'\"<>|\\", "n" * 4096]
ARN = "arn:aws:holdfast:local:000000000000:source/my%20files/a"
POINT = "arn:aws:backup:local:000000000000:recovery-point:11111111-2222"
ROLE = "arn:aws:iam::000000000000:role/holdfast"
DATA = b"some bytes"
DIGEST = hashlib.sha256(DATA).digest()
STORED: dict[str, object] = {
    "InlineChunkChecksum": "c",
    "InlineChunkChecksumAlgorithm": "SHA256",
    "ObjectChecksum": "o",
    "ObjectChecksumAlgorithm": "SUMMARY",
}


def once(operation: str, result: dict[str, object]) -> CodecTransport:
    return CodecTransport({operation: lambda _: result})


@pytest.mark.parametrize("name", NAMES)
def test_put_object_sends_name_chunk_and_metadata(name: str) -> None:
    transport = once("PutObject", {**STORED, "ObjectChecksum": "s"})
    stored = api_over(transport).put_object("job-1", name, DATA, DIGEST, metadata_string="f 100644 é+/=")
    assert transport.seen == [
        (
            "PutObject",
            {
                "BackupJobId": "job-1",
                "ObjectName": name,
                "MetadataString": "f 100644 é+/=",
                "InlineChunk": DATA,
                "InlineChunkLength": len(DATA),
                "InlineChunkChecksum": checksum.encode(DIGEST),
                "InlineChunkChecksumAlgorithm": "SHA256",
            },
        )
    ]
    assert stored.object_checksum == "s"


def test_put_object_without_data_has_no_chunk_and_with_empty_data_has_one() -> None:
    transport = once("PutObject", STORED)
    api = api_over(transport)
    api.put_object("j", "n", throw_on_duplicate=True)
    api.put_object("j", "n", b"", hashlib.sha256(b"").digest())
    assert transport.seen[0][1] == {
        "BackupJobId": "j", "ObjectName": "n", "InlineChunk": b"", "ThrowOnDuplicate": True
    }  # fmt: skip
    assert transport.seen[1][1]["InlineChunkLength"] == 0


def test_an_upload_goes_through_its_three_operations() -> None:
    transport = CodecTransport(
        {
            "StartObject": lambda _: {"UploadId": "u-1"},
            "PutChunk": lambda _: {"ChunkChecksum": "c", "ChunkChecksumAlgorithm": "SHA256"},
            "NotifyObjectComplete": lambda _: {"ObjectChecksum": "o", "ObjectChecksumAlgorithm": "SUMMARY"},
        }
    )
    api = api_over(transport)
    assert api.start_object("j", "a/b", throw_on_duplicate=True) == "u-1"
    assert api.put_chunk("j", "u-1", 2**63 - 1, [DATA[:4], memoryview(DATA)[4:]], DIGEST).chunk_checksum == "c"
    api.put_chunk("j", "u-1", 0, memoryview(DATA), DIGEST, expect=True)
    summary = checksum.summary([DIGEST])
    assert (
        api.notify_object_complete("j", "u-1", summary, metadata_string="m", metadata_blob=b"{}").object_checksum == "o"
    )
    api.notify_object_complete("j", "u-1", summary)
    assert [params for _, params in transport.seen] == [
        {"BackupJobId": "j", "ObjectName": "a/b", "ThrowOnDuplicate": True},
        {
            "BackupJobId": "j",
            "UploadId": "u-1",
            "ChunkIndex": 2**63 - 1,
            "Data": DATA,
            "Length": len(DATA),
            "Checksum": checksum.encode(DIGEST),
            "ChecksumAlgorithm": "SHA256",
        },
        {
            "BackupJobId": "j",
            "UploadId": "u-1",
            "ChunkIndex": 0,
            "Data": DATA,
            "Length": len(DATA),
            "Checksum": checksum.encode(DIGEST),
            "ChecksumAlgorithm": "SHA256",
        },
        {
            "BackupJobId": "j",
            "UploadId": "u-1",
            "ObjectChecksum": checksum.encode(summary),
            "ObjectChecksumAlgorithm": "SUMMARY",
            "MetadataString": "m",
            "MetadataBlob": b"{}",
            "MetadataBlobLength": 2,
            "MetadataBlobChecksum": checksum.encode(checksum.digest(b"{}")),
            "MetadataBlobChecksumAlgorithm": "SHA256",
        },
        {
            "BackupJobId": "j",
            "UploadId": "u-1",
            "ObjectChecksum": checksum.encode(summary),
            "ObjectChecksumAlgorithm": "SUMMARY",
            "MetadataBlob": b"",
        },
    ]
    assert transport.expected == ["PutChunk"]


def test_batches_and_deletions_name_their_objects() -> None:
    transport = CodecTransport(
        {
            "PutObjects": lambda params: {"Count": len(batch.decode_puts(params["Objects"]))},  # type: ignore[arg-type]
            "DeleteObjects": lambda _: {"Count": 1},
            "DeleteObject": lambda _: {},
        }
    )
    api = api_over(transport)
    records = [batch.PutRecord("a/b", "m", DATA, DIGEST, b"blob"), batch.PutRecord("c", None, None, None)]
    assert api.put_objects("j", records) == 2
    assert api.delete_objects("j", NAMES[:3]) == 1
    api.delete_object("j", "a/b")
    assert batch.decode_puts(transport.seen[0][1]["Objects"]) == records  # type: ignore[arg-type]
    assert transport.seen[1][1] == {"BackupJobId": "j", "ObjectNames": NAMES[:3]}
    assert transport.seen[2] == ("DeleteObject", {"BackupJobId": "j", "ObjectName": "a/b"})


def test_reading_gives_pages_chunks_and_metadata() -> None:
    def chunks(params: dict[str, object]) -> dict[str, object]:
        first = {"Index": 0, "Length": 3, "Checksum": "x", "ChecksumAlgorithm": "SHA256", "ChunkToken": "t0"}
        if "NextToken" in params:
            return {"ChunkList": [{**first, "Index": 2**40, "ChunkToken": "t1"}]}
        return {"ChunkList": [first], "NextToken": "more+/="}

    item = {
        "Name": "é", "MetadataString": "m", "ObjectChecksum": "s", "ObjectToken": "o", "ChunksCount": 1, "Bytes": 3
    }  # fmt: skip
    record = batch.GetRecord([(0, b"abc")], None)
    transport = CodecTransport(
        {
            "ScanObjects": lambda _: {"ObjectList": [item], "NextToken": "n"},
            "ListChunks": chunks,
            "GetChunk": lambda _: {
                "Data": DATA,
                "Length": len(DATA),
                "Checksum": checksum.encode(DIGEST),
                "ChecksumAlgorithm": "SHA256",
            },
            "GetObjectMetadata": lambda params: {
                "MetadataString": "f é",
                **(
                    {
                        "MetadataBlob": b"{}",
                        "MetadataBlobLength": 2,
                        "MetadataBlobChecksum": checksum.encode(checksum.digest(b"{}")),
                        "MetadataBlobChecksumAlgorithm": "SHA256",
                    }
                    if params["ObjectToken"] == "with"
                    else {}
                ),
            },
            "GetObjects": lambda params: {"Objects": batch.encode([record] * len(list(params["ObjectTokens"])))},  # type: ignore[call-overload]
        }
    )
    api = api_over(transport)
    page = api.scan_objects("r", starting_name="a+b", prefix="é/", results_max=7)
    assert page.object_list == [answers.ScannedObject("é", "s", "o", 1, 3, "m")]
    assert page.next_token == "n"
    assert transport.seen[0][1] == {
        "StorageJobId": "r", "StartingObjectName": "a+b", "StartingObjectPrefix": "é/", "MaxResults": 7
    }  # fmt: skip
    assert [chunk.index for chunk in api.list_chunks("r", "o")] == [0, 2**40]
    assert transport.seen[2][1]["NextToken"] == "more+/="
    assert bytes(api.get_chunk("r", "t0", digest=DIGEST)) == DATA
    assert api.get_object_metadata("r", "with") == answers.ObjectMetadata("f é", b"{}")
    assert api.get_object_metadata("r", "without") == answers.ObjectMetadata("f é", None)
    assert api.get_objects("r", ["t", "u"]) == [record, record]


@pytest.mark.parametrize("spoilt", [{"Data": DATA + b"x"}, {"Length": 3}, {"Checksum": checksum.encode(b"0" * 32)}])
def test_a_chunk_that_does_not_have_its_checksum_is_fetched_again_and_then_an_error(spoilt: dict[str, object]) -> None:
    good = {"Data": DATA, "Length": len(DATA), "Checksum": checksum.encode(DIGEST), "ChecksumAlgorithm": "SHA256"}
    outcomes: list[dict[str, object]] = [{**good, **spoilt}, {**good, **spoilt}, good]
    slept: list[float] = []
    api = api_over(CodecTransport({"GetChunk": lambda _: outcomes.pop(0)}), slept)
    assert bytes(api.get_chunk("r", "t")) == DATA
    assert len(slept) == 2
    with pytest.raises(Transient, match="the chunk"):
        api_over(once("GetChunk", {**good, **spoilt})).get_chunk("r", "t")


def test_a_chunk_whose_length_is_not_told_is_fetched_again_and_then_an_error() -> None:
    good = {"Data": DATA, "Length": len(DATA), "Checksum": checksum.encode(DIGEST), "ChecksumAlgorithm": "SHA256"}
    slept: list[float] = []
    api = api_over(CodecTransport({"GetChunk": lambda _: good}, headers_lost=2 * [b"x-amz-data-length"]), slept)
    assert bytes(api.get_chunk("r", "t")) == DATA
    assert len(slept) == 2
    with pytest.raises(Transient, match="the chunk"):
        api_over(CodecTransport({"GetChunk": lambda _: good}, headers_lost=99 * [b"x-amz-data-length"])).get_chunk(
            "r", "t"
        )


def test_a_chunk_other_than_the_listed_one_is_an_error() -> None:
    good = {"Data": DATA, "Length": len(DATA), "Checksum": checksum.encode(DIGEST), "ChecksumAlgorithm": "SHA256"}
    with pytest.raises(Transient, match="checksum"):
        api_over(once("GetChunk", good)).get_chunk("r", "t", digest=b"0" * 32)


def test_jobs_are_driven_through_their_life() -> None:
    transport = CodecTransport(
        {
            "StartBackupJob": lambda _: {"BackupJobId": "j-1", "CreationDate": 1_500_000},
            "DescribeBackupJob": lambda _: {"BackupJobId": "j-1", "State": "RUNNING", "ResourceArn": ARN},
            "StopBackupJob": lambda _: {},
            "CommitBackupJob": lambda _: {"RecoveryPointArn": POINT, "ObjectCount": 2, "Bytes": 5},
            "GetIncrementalBaseBackup": lambda _: {"RecoveryPointArn": None},
            "StartRestoreJob": lambda _: {"RestoreJobId": "r-1"},
            "DescribeRestoreJob": lambda _: {"RestoreJobId": "r-1", "Status": "RUNNING"},
            "CompleteRestoreJob": lambda _: {},
        }
    )
    api = api_over(transport)
    started = api.start_backup_job("default", ARN, ROLE, idempotency_token="t", complete_window_minutes=60)
    assert (started.backup_job_id, started.creation_date) == ("j-1", 1.5)
    assert api.describe_backup_job("j-1").state == "RUNNING"
    api.stop_backup_job("j-1")
    assert api.commit_backup_job("j-1", drop_open_uploads=True) == answers.Committed(POINT, 2, 5)
    assert api.get_incremental_base_backup("j-1") is None
    assert api.start_restore_job(POINT, role_arn=ROLE) == "r-1"
    assert api.describe_restore_job("r-1").status == "RUNNING"
    api.complete_restore_job("r-1")
    assert transport.seen[0][1] == {
        "BackupVaultName": "default",
        "ResourceArn": ARN,
        "IamRoleArn": ROLE,
        "IdempotencyToken": "t",
        "CompleteWindowMinutes": 60,
    }
    assert transport.seen[3][1] == {"BackupJobId": "j-1", "DropOpenUploads": True}
    assert transport.seen[5][1] == {"RecoveryPointArn": POINT, "Metadata": {}, "IamRoleArn": ROLE}


def test_vaults_and_recovery_points_are_listed_page_by_page() -> None:
    def pages(member: str, item: dict[str, object]) -> Handler:
        def answer(params: dict[str, object]) -> dict[str, object]:
            at = int(str(params.get("NextToken", "0")))
            return {member: [item] * 2, "NextToken": str(at + 1) if at < 2 else None}

        return answer

    vault = {"BackupVaultName": "default", "BackupVaultArn": "arn:aws:backup:local:0:backup-vault:default"}
    transport = CodecTransport(
        {
            "ListBackupVaults": pages("BackupVaultList", vault),
            "ListBackupJobs": pages("BackupJobs", {"BackupJobId": "j", "State": "COMPLETED"}),
            "ListRecoveryPointsByBackupVault": pages(
                "RecoveryPoints", {"RecoveryPointArn": POINT, "BackupSizeInBytes": 7}
            ),
            "ListRecoveryPointsByResource": pages("RecoveryPoints", {"RecoveryPointArn": POINT, "BackupSizeBytes": 7}),
            "CreateBackupVault": lambda _: vault,
            "DescribeBackupVault": lambda _: {**vault, "NumberOfRecoveryPoints": 3},
            "DeleteBackupVault": lambda _: {},
            "DescribeRecoveryPoint": lambda _: {"RecoveryPointArn": POINT, "Status": "COMPLETED"},
            "DeleteRecoveryPoint": lambda _: {},
        }
    )
    api = api_over(transport)
    assert len(list(api.list_vaults())) == 6
    assert len(list(api.list_backup_jobs(resource_arn=ARN, state="COMPLETED", vault="default"))) == 6
    assert [point.size for point in api.list_recovery_points_by_vault("default", resource_arn=ARN)] == [7] * 6
    assert [point.size for point in api.list_recovery_points_by_resource(ARN)] == [7] * 6
    assert transport.seen[-1][1] == {"ResourceArn": ARN, "NextToken": "2"}
    assert transport.seen[5][1] == {
        "ByResourceArn": ARN, "ByState": "COMPLETED", "ByBackupVaultName": "default", "NextToken": "2"
    }  # fmt: skip
    assert api.create_vault("default", creator_request_id="c").backup_vault_name == "default"
    assert api.describe_vault("default").number_of_recovery_points == 3
    api.delete_vault("default")
    assert api.describe_recovery_point("default", POINT).status == "COMPLETED"
    api.delete_recovery_point("default", POINT)
    assert transport.seen[-1][1] == {"BackupVaultName": "default", "RecoveryPointArn": POINT}


def raising(error: HoldfastError) -> Handler:
    def handler(_: dict[str, object]) -> dict[str, object]:
        raise error

    return handler


@pytest.mark.parametrize(
    "error",
    [
        InvalidInput("the value is wrong"),
        NotFound("no such thing"),
        UnreadableBody("broke off"),
        DataExists("other data", checksum="c", checksum_algorithm="SHA256"),
        Unavailable("later"),
    ],
)
def test_an_error_of_the_service_comes_out_as_the_same_error(error: HoldfastError) -> None:
    api = api_over(CodecTransport({"StartObject": raising(error)}))
    with pytest.raises(type(error) if not isinstance(error, UnreadableBody) else InvalidInput) as caught:
        api.start_object("j", "n")
    assert caught.value.message == error.message
    if isinstance(caught.value, DataExists):
        assert (caught.value.checksum, caught.value.checksum_algorithm) == ("c", "SHA256")


@pytest.mark.parametrize(
    "error",
    [
        AlreadyExists("a vault of that name", arn="arn:x"),
        LimitExceeded("too many"),
        InvalidInput("bad name"),
        MissingInput("no name"),
    ],
)
def test_an_error_of_the_control_plane_comes_out_as_the_same_error(error: HoldfastError) -> None:
    with pytest.raises(type(error)) as caught:
        api_over(CodecTransport({"CreateBackupVault": raising(error)})).create_vault("default")
    assert caught.value.message == error.message
    if isinstance(caught.value, AlreadyExists):
        assert caught.value.arn == "arn:x"


def test_a_state_that_does_not_allow_it_comes_out_as_that() -> None:
    with pytest.raises(InvalidState, match="holds recovery points"):
        api_over(CodecTransport({"DeleteBackupVault": raising(InvalidState("it holds recovery points"))})).delete_vault(
            "vv"
        )


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_cannot_travel_is_refused_before_it_does(name: str) -> None:
    transport = once("StartObject", {"UploadId": "u"})
    with pytest.raises(InvalidInput, match="ObjectName"):
        api_over(transport).start_object("j", name)
    assert not transport.heads


def test_a_lone_surrogate_in_a_name_is_refused() -> None:
    with pytest.raises(InvalidInput, match="surrogate"):
        api_over(once("StartObject", {"UploadId": "u"})).start_object("j", "a\udc80")
