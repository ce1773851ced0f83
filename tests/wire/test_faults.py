"""Each of our errors is raised by boto as the exception that the model means for it."""

import json
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from holdfast.model import errors
from holdfast.model.errors import HoldfastError
from holdfast.wire.faults import fault
from tests.wire.boto import SERVICES, boto

DATA_EXISTS = errors.DataExists("m", checksum="c", checksum_algorithm="SHA256")
STORAGE = [
    # operation, error, code, status
    ("PutChunk", errors.InvalidInput("m"), "IllegalArgumentException", 400),
    ("PutChunk", errors.MissingInput("m"), "IllegalArgumentException", 400),
    ("PutChunk", errors.ChecksumMismatch("m"), "IllegalArgumentException", 400),
    ("PutChunk", errors.InvalidState("m"), "IllegalArgumentException", 400),
    ("PutChunk", errors.LimitExceeded("m"), "IllegalArgumentException", 400),
    ("PutChunk", errors.NotFound("m"), "IllegalArgumentException", 400),
    ("PutObject", errors.NotFound("m"), "IllegalArgumentException", 400),
    ("NotifyObjectComplete", errors.NotFound("m"), "IllegalArgumentException", 400),
    ("StartObject", errors.NotFound("m"), "ResourceNotFoundException", 404),
    ("DeleteObject", errors.NotFound("m"), "ResourceNotFoundException", 404),
    ("ListObjects", errors.NotFound("m"), "ResourceNotFoundException", 404),
    ("ListChunks", errors.NotFound("m"), "ResourceNotFoundException", 404),
    ("GetChunk", errors.NotFound("m"), "ResourceNotFoundException", 404),
    ("GetObjectMetadata", errors.NotFound("m"), "ResourceNotFoundException", 404),
    ("CommitBackupJob", errors.NotFound("m"), "ResourceNotFoundException", 404),
    ("PutChunk", DATA_EXISTS, "DataAlreadyExistsException", 400),
    ("PutObject", DATA_EXISTS, "DataAlreadyExistsException", 400),
    ("NotifyObjectComplete", DATA_EXISTS, "DataAlreadyExistsException", 400),
    ("StartObject", DATA_EXISTS, "DataAlreadyExistsException", 400),
    ("StartObject", errors.AlreadyExists("m", arn="a"), "DataAlreadyExistsException", 400),
    ("CommitBackupJob", errors.AlreadyExists("m"), "IllegalArgumentException", 400),
    ("PutChunk", errors.Denied("m"), "AccessDeniedException", 403),
    ("PutChunk", errors.UnreadableBody("m"), "NotReadableInputStreamException", 400),
    ("StartObject", errors.UnreadableBody("m"), "IllegalArgumentException", 400),
    ("GetChunk", errors.UnusableKey("m"), "KMSInvalidKeyUsageException", 400),
    ("StartObject", errors.UnusableKey("m"), "IllegalArgumentException", 400),
    ("PutChunk", errors.Throttled("m"), "ThrottlingException", 429),
    ("ListChunks", errors.Throttled("m"), "ServiceUnavailableException", 503),
    ("GetChunk", errors.Transient("m"), "RetryableException", 500),
    ("PutChunk", errors.Unavailable("m"), "ServiceUnavailableException", 503),
    ("PutChunk", errors.DiskFull("m"), "ServiceUnavailableException", 503),
    ("PutChunk", errors.ReadOnly("m"), "ServiceUnavailableException", 503),
    ("PutChunk", errors.WriterEnded("m"), "ServiceUnavailableException", 503),
    ("GetChunk", errors.ChoreTaken("m"), "RetryableException", 500),
    ("GetChunk", errors.Unavailable("m"), "RetryableException", 500),
    ("GetChunk", errors.Damaged("m"), "ServiceInternalException", 500),
    ("ScanObjects", errors.Internal("m"), "ServiceInternalException", 500),
    ("ScanObjects", errors.ServiceError("m"), "ServiceInternalException", 500),
    ("PutObjects", errors.CallerError("m"), "IllegalArgumentException", 400),
]
BACKUP = [
    ("StartBackupJob", errors.CallerError("m"), "InvalidRequestException", 400),
    ("StartBackupJob", errors.InvalidInput("m"), "InvalidParameterValueException", 400),
    ("StartBackupJob", errors.ChecksumMismatch("m"), "InvalidParameterValueException", 400),
    ("StartBackupJob", errors.MissingInput("m"), "MissingParameterValueException", 400),
    ("ListBackupJobs", errors.MissingInput("m"), "InvalidParameterValueException", 400),
    ("StopBackupJob", errors.InvalidState("m"), "InvalidRequestException", 400),
    ("StopBackupJob", DATA_EXISTS, "InvalidRequestException", 400),
    ("DescribeBackupJob", errors.InvalidState("m"), "InvalidParameterValueException", 400),
    ("DescribeBackupVault", errors.NotFound("m"), "ResourceNotFoundException", 400),
    ("ListBackupJobs", errors.NotFound("m"), "InvalidParameterValueException", 400),
    ("CreateBackupVault", errors.AlreadyExists("m", arn="arn:x"), "AlreadyExistsException", 400),
    ("StartBackupJob", errors.AlreadyExists("m", arn="arn:x"), "InvalidRequestException", 400),
    ("DescribeBackupVault", errors.AlreadyExists("m", arn="arn:x"), "AlreadyExistsException", 400),
    ("StartBackupJob", errors.LimitExceeded("m"), "LimitExceededException", 400),
    ("StopBackupJob", errors.LimitExceeded("m"), "InvalidRequestException", 400),
    ("ListBackupVaults", errors.Denied("m"), "AccessDeniedException", 403),
    ("StartBackupJob", errors.UnreadableBody("m"), "InvalidRequestException", 400),
    ("StartBackupJob", errors.UnusableKey("m"), "InvalidRequestException", 400),
    ("ListBackupVaults", errors.Throttled("m"), "ThrottlingException", 429),
    ("ListBackupVaults", errors.Transient("m"), "ServiceUnavailableException", 500),
    ("ListBackupVaults", errors.Unavailable("m"), "ServiceUnavailableException", 500),
    ("ListBackupVaults", errors.DiskFull("m"), "ServiceUnavailableException", 500),
    ("ListBackupVaults", errors.ReadOnly("m"), "ServiceUnavailableException", 500),
    ("ListBackupVaults", errors.WriterEnded("m"), "ServiceUnavailableException", 500),
    ("ListBackupVaults", errors.ChoreTaken("m"), "ServiceUnavailableException", 500),
    ("ListBackupVaults", errors.Damaged("m"), "ServiceUnavailableException", 500),
    ("ListBackupVaults", errors.Internal("m"), "ServiceUnavailableException", 500),
    ("ListBackupVaults", errors.ServiceError("m"), "ServiceUnavailableException", 500),
]
REQUIRED: dict[str, dict[str, object]] = {
    "StartBackupJob": {"BackupVaultName": "vault", "ResourceArn": "arn", "IamRoleArn": "arn"},
    "PutChunk": {"ChunkIndex": 0, "Length": 0, "Data": b"", "Checksum": "c", "ChecksumAlgorithm": "SHA256"},
    "NotifyObjectComplete": {"ObjectChecksum": "c", "ObjectChecksumAlgorithm": "SUMMARY"},
    "PutObjects": {"Objects": b""},
}


@pytest.mark.parametrize(("name", "error", "code", "status"), STORAGE + BACKUP)
def test_boto_raises_the_modelled_exception_with_its_message(
    name: str, error: HoldfastError, code: str, status: int
) -> None:
    operation = SERVICES.operation(name)
    client = boto(operation.service)
    labels = {member: "x" for member, part in operation.input.members.items() if part.location == "uri"}
    with pytest.raises(ClientError) as raised:
        client.call(name, {**labels, **REQUIRED.get(name, {})}, lambda *_: fault(operation, error))
    answer = raised.value.response
    assert answer["Error"]["Code"] == code
    assert answer["Error"]["Message"] == "m"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
    modelled = code in {shape.name for shape in client.model.error_shapes}
    assert type(raised.value).__name__ == (code if modelled else "ClientError")
    if operation.service != "backup":
        assert modelled
    if error is DATA_EXISTS and code == "DataAlreadyExistsException":
        assert (answer["Checksum"], answer["ChecksumAlgorithm"]) == ("c", "SHA256")
    if code == "AlreadyExistsException":
        assert answer["Arn"] == "arn:x"
    retry = answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-retry-after")
    assert (retry is not None) == (status >= 500 or status == 429)


def test_every_exception_of_the_storage_model_has_an_error_of_ours() -> None:
    modelled = {shape.name for shape in boto("backupstorage").model.error_shapes}
    assert {code for _, _, code, _ in STORAGE} == modelled


def test_every_error_of_the_tree_is_in_the_table_of_both_services() -> None:
    def tree(kind: type[HoldfastError]) -> Iterator[type[HoldfastError]]:
        for each in kind.__subclasses__():
            if each.__module__ == errors.__name__:  # a door may narrow one for its own use
                yield each
                yield from tree(each)

    assert {type(row[1]) for row in STORAGE} == set(tree(HoldfastError))
    assert {type(row[1]) for row in BACKUP} == set(tree(HoldfastError))


def test_the_code_is_named_bare_in_header_and_body() -> None:
    answer = fault(SERVICES.operation("PutChunk"), errors.InvalidInput("say what to do"))
    assert (b"x-amzn-errortype", b"IllegalArgumentException") in answer.headers
    assert (b"content-type", b"application/json") in answer.headers
    assert json.loads(bytes(answer.body)) == {"__type": "IllegalArgumentException", "Message": "say what to do"}


@pytest.mark.parametrize(("milliseconds", "seconds"), [(1, b"1"), (1000, b"1"), (1001, b"2"), (30_000, b"30")])
def test_throttling_says_when_to_come_back(milliseconds: int, seconds: bytes) -> None:
    answer = fault(None, errors.Throttled("slow down", retry_after_ms=milliseconds))
    assert answer.status == 429
    assert (b"retry-after", seconds) in answer.headers
    assert (b"x-amz-retry-after", str(milliseconds).encode()) in answer.headers


@pytest.mark.parametrize(
    "error", [ValueError("password=hunter2"), KeyError("x"), RecursionError(), OSError(28, "full")]
)
def test_an_error_that_is_not_ours_tells_nothing_of_itself(error: Exception) -> None:
    answer = fault(SERVICES.operation("GetChunk"), error)
    body = json.loads(bytes(answer.body))
    assert (answer.status, body["__type"]) == (500, "ServiceInternalException")
    assert str(error) not in body["Message"] or not str(error)
    assert "log" in body["Message"]


def test_before_routing_the_signature_tells_the_services_apart() -> None:
    def code(error: HoldfastError, signing_name: str | None) -> str:
        return str(json.loads(bytes(fault(None, error, signing_name=signing_name).body))["__type"])

    assert code(errors.InvalidState("m"), "backup") == "InvalidRequestException"
    assert code(errors.InvalidInput("m"), "backup") == "InvalidParameterValueException"
    assert code(errors.InvalidInput("m"), "backup-storage") == "IllegalArgumentException"
    assert code(errors.InvalidInput("m"), None) == "IllegalArgumentException"
    assert code(errors.NotFound("m"), "backup-storage") == "ResourceNotFoundException"
    assert code(errors.Denied("m"), "s3") == "AccessDeniedException"


def test_a_message_that_is_not_unicode_still_makes_an_answer() -> None:
    assert b"a\\\\udcffb" in fault(None, errors.NotFound("a\udcffb")).body
