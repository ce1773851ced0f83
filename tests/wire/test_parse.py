"""Parameters of path, query and headers as they really come, and every way in which they can be wrong."""

from typing import Any

import pytest

from holdfast.model.errors import InvalidInput, MissingInput
from holdfast.wire.message import RequestHead
from holdfast.wire.parse import parse_head
from tests.wire.boto import SERVICES
from tests.wire.little_model import operation_of

LABELS = {
    "BackupJobId": "J",
    "StorageJobId": "J",
    "ObjectName": "n",
    "UploadId": "U",
    "ChunkIndex": "0",
    "ObjectToken": "t",
}
CHUNK = b"checksum=c&checksum-algorithm=SHA256"


def query(name: str, raw: bytes, **labels: str) -> dict[str, Any]:
    operation = SERVICES.operation(name)
    return parse_head(operation, {**LABELS, **labels}, RequestHead(operation.method, b"/", raw, ()))


def test_percent_escapes_are_decoded_once_and_plus_is_a_plus() -> None:
    got = query("ListObjects", b"starting-object-name=a%20b+c%2Bd%2525&next-token=%3D%26")
    assert got["StartingObjectName"] == "a b+c+d%25"
    assert got["NextToken"] == "=&"


def test_an_escaped_parameter_name_is_the_same_parameter() -> None:
    assert query("ListObjects", b"max%2Dresults=7")["MaxResults"] == 7


def test_unknown_parameters_are_ignored_and_known_ones_may_come_once() -> None:
    assert query("ListObjects", b"x-id=ListObjects&X-Amz-Signature=%zz&&=&max-results=1&x=1&x=2")["MaxResults"] == 1
    with pytest.raises(InvalidInput, match="MaxResults is given more than once"):
        query("ListObjects", b"max-results=1&max-results=1")


def test_zero_values_that_some_clients_leave_out_may_be_absent() -> None:
    assert "Length" not in query("PutChunk", CHUNK)
    assert "MaxResults" not in query("ListObjects", b"")
    assert "ThrowOnDuplicate" not in query("PutObject", b"")


@pytest.mark.parametrize("absent", [b"checksum=c", b"checksum-algorithm=SHA256", b""])
def test_a_required_parameter_that_is_absent_is_named(absent: bytes) -> None:
    with pytest.raises(MissingInput, match="Checksum"):
        query("PutChunk", absent)


@pytest.mark.parametrize(
    "text", [b"1.0", b"+1", b"1_0", b"%201", b"", b"-", b"--1", b"0x1", b"%D9%A1", b"1e3", b"9" * 20]
)
def test_only_plain_decimal_digits_are_a_number(text: bytes) -> None:
    with pytest.raises(InvalidInput, match=r"^Length is .*whole number"):
        query("PutChunk", CHUNK + b"&length=" + text)


def test_whole_numbers_have_sixty_four_bits() -> None:
    assert query("PutChunk", CHUNK, ChunkIndex=str(2**63 - 1))["ChunkIndex"] == 2**63 - 1
    assert query("PutChunk", CHUNK, ChunkIndex=str(-(2**63)))["ChunkIndex"] == -(2**63)
    for beyond in (2**63, -(2**63) - 1):
        with pytest.raises(InvalidInput, match=f"ChunkIndex is {beyond}: it must be -9223372036854775808 to"):
            query("PutChunk", CHUNK, ChunkIndex=str(beyond))


@pytest.mark.parametrize("text", [b"True", b"TRUE", b"1", b"0", b"", b"yes", b"true%20"])
def test_only_true_and_false_are_booleans(text: bytes) -> None:
    assert query("PutObject", b"throwOnDuplicate=true")["ThrowOnDuplicate"] is True
    assert query("PutObject", b"throwOnDuplicate=false")["ThrowOnDuplicate"] is False
    with pytest.raises(InvalidInput, match=r"ThrowOnDuplicate is .*: it must be true or false"):
        query("PutObject", b"throwOnDuplicate=" + text)


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        (b"2015-01-01T00%3A00%3A00Z", 1_420_070_400_000_000),
        (b"2015-01-01T00:00:00.123456Z", 1_420_070_400_123_456),
        (b"2015-01-01T00:00:00.5Z", 1_420_070_400_500_000),
        (b"2015-01-01T00:00:00.123456789Z", 1_420_070_400_123_456),
        (b"1420070400", 1_420_070_400_000_000),
        (b"1420070400.25", 1_420_070_400_250_000),
        (b"-1.5", -1_500_000),
        (b"0001-01-01T00:00:00Z", -62_135_596_800_000_000),
    ],
)
def test_times_become_microseconds(text: bytes, microseconds: int) -> None:
    assert query("ListObjects", b"created-after=" + text)["CreatedAfter"] == microseconds


@pytest.mark.parametrize(
    "text",
    [b"", b"yesterday", b"2015-01-01", b"2015-01-01T00:00:00", b"2015-02-30T00:00:00Z", b"2015-01-01T24:00:01Z", b"nan",
     b"999999999999", b"-99999999999", b"0000-01-01T00:00:00Z", b"2015-01-01T00:00:00%2B05:00", b"1e9",
     b"2015-01-01t00:00:00z"],
)  # fmt: skip
def test_what_is_no_time_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidInput, match=r"CreatedBefore is .*: it must be a time such as"):
        query("ListObjects", b"created-before=" + text)


@pytest.mark.parametrize(
    ("name", "raw", "says"),
    [
        ("ListObjects", b"max-results=0", "MaxResults is 0: it must be 1 to 100"),
        ("ListChunks", b"max-results=101", "MaxResults is 101: it must be 1 to 100"),
        ("ScanObjects", b"max-results=10001", "MaxResults is 10001: it must be 1 to 10000"),
        ("ListBackupVaults", b"maxResults=1001", "MaxResults is 1001: it must be 1 to 1000"),
        ("PutChunk", b"checksum=c&checksum-algorithm=MD5", "ChecksumAlgorithm is 'MD5': it must be one of SHA256"),
        ("ListBackupJobs", b"state=DONE", "ByState is 'DONE': it must be one of ABORTED, ABORTING,"),
        ("ListBackupJobs", b"backupVaultName=a", "ByBackupVaultName is 'a': it must be text that matches"),
        ("ListBackupJobs", b"backupVaultName=vault%0A", "ByBackupVaultName is 'vault"),
        ("NotifyObjectComplete", b"metadata-string=" + b"x" * 257, r"MetadataString is 'x+'... \(257 characters\): "),
        ("ListObjects", b"next-token=%", "NextToken is '%': it must be percent-encoded"),
        ("ListObjects", b"next-token=%C3", "NextToken is '%C3': it must be UTF-8"),
        ("ListObjects", b"next-token=\xff", "NextToken is .*: it must be UTF-8"),
    ],
)
def test_a_refusal_names_the_parameter_its_value_and_the_limit(name: str, raw: bytes, says: str) -> None:
    with pytest.raises(InvalidInput, match="^" + says):
        query(name, raw)


def test_members_that_travel_in_headers_are_read_from_there() -> None:
    members = {
        "Size": {"shape": "long", "location": "header", "locationName": "X-Size"},
        "Who": {"shape": "string", "location": "header", "locationName": "x-who"},
    }
    operation = operation_of({"type": "structure", "required": ["Who"], "members": members})
    head = RequestHead("GET", b"/", b"", ((b"x-who", "Zoë".encode()), (b"x-size", b"12"), (b"x-other", b"\xff")))
    assert parse_head(operation, {}, head) == {"Who": "Zoë", "Size": 12}
    for headers, says in [
        ([(b"x-who", b"\xff")], "Who is .*UTF-8"),
        ([(b"x-who", b"a"), (b"x-who", b"b")], "Who is given in more than one header"),
        ([(b"x-who", b"a"), (b"x-size", b"big")], "Size is 'big'"),
        ([(b"x-size", b"1")], "Who is missing"),
    ]:
        with pytest.raises(InvalidInput, match=says):
            parse_head(operation, {}, RequestHead("GET", b"/", b"", tuple(headers)))
