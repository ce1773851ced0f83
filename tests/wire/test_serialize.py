"""Results become responses."""

import json

import pytest

from holdfast.model.errors import Internal
from holdfast.wire.serialize import serialize
from tests.wire.boto import SERVICES

GET_CHUNK = SERVICES.operation("GetChunk")
METADATA = SERVICES.operation("GetObjectMetadata")


def test_a_chunk_is_the_body_without_a_copy_and_its_facts_are_headers() -> None:
    data = memoryview(b"chunk")
    answer = serialize(GET_CHUNK, {"Data": data, "Length": 5, "Checksum": "c=", "ChecksumAlgorithm": "SHA256"})
    assert answer.status == 200
    assert answer.body is data
    assert dict(answer.headers) == {
        b"content-type": b"application/octet-stream",
        b"x-amz-data-length": b"5",
        b"x-amz-checksum": b"c=",
        b"x-amz-checksum-algorithm": b"SHA256",
    }


def test_an_object_without_a_blob_answers_an_empty_body_and_no_headers_about_it() -> None:
    answer = serialize(METADATA, {"MetadataString": "größe", "MetadataBlob": None, "MetadataBlobLength": None})
    assert answer.body == b""
    assert dict(answer.headers) == {
        b"content-type": b"application/octet-stream",
        b"x-amz-metadata-string": "größe".encode(),
    }


def test_an_empty_blob_is_told_from_none_by_its_length() -> None:
    answer = serialize(METADATA, {"MetadataBlob": b"", "MetadataBlobLength": 0})
    assert (b"x-amz-data-length", b"0") in answer.headers


@pytest.mark.parametrize("text", ["a\r\nSet-Cookie: x", "\x00", "tab\there", "\x7f"])
def test_no_control_character_gets_into_a_header(text: str) -> None:
    with pytest.raises(Internal, match="control character"):
        serialize(METADATA, {"MetadataString": text})


def test_none_is_absent_at_every_depth_and_times_are_seconds() -> None:
    job = {"BackupJobId": "j", "CreationDate": 1_500_000, "CompletionDate": 2_000_000, "StartBy": None}
    nested = {"RecoveryPointLifecycle": {"DeleteAfterDays": 3, "MoveToColdStorageAfterDays": None}}
    answer = serialize(SERVICES.operation("ListBackupJobs"), {"BackupJobs": [{**job, **nested}], "NextToken": None})
    assert json.loads(bytes(answer.body)) == {
        "BackupJobs": [
            {
                "BackupJobId": "j",
                "CreationDate": 1.5,
                "CompletionDate": 2,
                "RecoveryPointLifecycle": {"DeleteAfterDays": 3},
            }
        ]
    }
    assert answer.headers == ((b"content-type", b"application/json"),)


@pytest.mark.parametrize("absent", ["Length", "Checksum", "ChecksumAlgorithm"])
def test_an_answer_without_what_the_model_promises_is_our_fault(absent: str) -> None:
    whole = {"Data": b"chunk", "Length": 5, "Checksum": "c=", "ChecksumAlgorithm": "SHA256"}
    for lacking in ({name: value for name, value in whole.items() if name != absent}, {**whole, absent: None}):
        with pytest.raises(Internal, match=f"GetChunk has no {absent}, which the model promises"):
            serialize(GET_CHUNK, lacking)


def test_an_operation_without_an_answer_sends_nothing() -> None:
    assert serialize(SERVICES.operation("DeleteObject"), {}).body == b""
    assert serialize(SERVICES.operation("CompleteRestoreJob"), {}).body == b"{}"


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        ("StartObject", {"UploadID": "u"}),
        ("DeleteObject", {"Deleted": True}),
        ("ListChunks", {"ChunkList": [{"Index": 0, "Size": 1}]}),
        ("DescribeBackupJob", {"RecoveryPointLifecycle": {"Days": 1}}),
    ],
)
def test_a_member_that_no_client_could_see_is_our_mistake(operation: str, result: dict[str, object]) -> None:
    with pytest.raises(Internal, match="has no member"):
        serialize(SERVICES.operation(operation), result)
