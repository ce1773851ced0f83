"""Bodies: blobs as they are, JSON checked all the way down."""

from typing import Any

import pytest

from holdfast.model.errors import InvalidInput
from holdfast.wire.parse import parse_body
from tests.wire.boto import SERVICES
from tests.wire.little_model import operation_of


def body(name: str, raw: bytes) -> dict[str, Any]:
    params: dict[str, Any] = {}
    parse_body(SERVICES.operation(name), params, raw)
    return params


def test_a_blob_is_handed_on_as_it_is() -> None:
    chunk = memoryview(b"bytes")
    params: dict[str, Any] = {}
    parse_body(SERVICES.operation("PutChunk"), params, chunk)
    assert params["Data"] is chunk


def test_json_bodies_may_be_empty_and_hold_more_than_we_know() -> None:
    assert body("StartObject", b"") == {}
    assert body("StartObject", b" {} ") == {}
    assert body("StartObject", b'{"Unknown": [1], "ThrowOnDuplicate": null}') == {}
    assert body("StartObject", memoryview(b'{"ThrowOnDuplicate": true}')) == {"ThrowOnDuplicate": True}  # type: ignore[arg-type]
    assert body("GetChunk", b"whatever") == {}


JOB = b'"BackupVaultName": "vault", "ResourceArn": "arn", "IamRoleArn": "arn"'


@pytest.mark.parametrize(
    ("name", "raw", "says"),
    [
        ("StartObject", b"[]", "the body is a list of 0: it must be a JSON object"),
        ("StartObject", b'"\xff"', "the body is not JSON"),
        ("StartObject", b'{"ThrowOnDuplicate": tru', "the body is not JSON"),
        ("StartObject", b'{"a": "\\ud800"}', "the body is not JSON"),
        ("StartObject", b'{"a": 1e999}', "the body is not JSON"),
        ("StartObject", b'{"a": ' + b"9" * 5000 + b"}", "the body is not JSON"),
        ("StartObject", b"[" * 100_000, "the body is JSON nested too deeply"),
        ("StartObject", b'{"a":' * 50_000, "the body is JSON nested too deeply"),
        ("StartObject", b'{"ThrowOnDuplicate": "true"}', "ThrowOnDuplicate is 'true': it must be true or false"),
        ("StartObject", b'{"ThrowOnDuplicate": 1}', "ThrowOnDuplicate is 1: it must be true or false"),
        ("GetObjects", b"{}", "ObjectTokens is missing"),
        ("GetObjects", b'{"ObjectTokens": null}', "ObjectTokens is missing"),
        ("GetObjects", b'{"ObjectTokens": []}', "ObjectTokens is a list of 0: it must be 1 to 4096 entries long"),
        (
            "GetObjects",
            b'{"ObjectTokens": [1' + b',""' * 4096 + b"]}",
            "ObjectTokens is a list of 4097: it must be 1 to 4096 entries long",
        ),
        ("GetObjects", b'{"ObjectTokens": "t"}', "ObjectTokens is 't': it must be a list"),
        ("GetObjects", b'{"ObjectTokens": ["t", null]}', r"ObjectTokens\[1\] is null: it must be a string"),
        ("GetObjects", b'{"ObjectTokens": ["t", {}]}', r"ObjectTokens\[1\] is an object of 0: it must be a string"),
        ("StartBackupJob", b'{"BackupVaultName": "vault"}', "ResourceArn is missing"),
        ("StartBackupJob", b"{" + JOB + b', "Lifecycle": 5}', "Lifecycle is 5: it must be an object"),
        (
            "StartBackupJob",
            b"{" + JOB + b', "Lifecycle": {"DeleteAfterDays": true}}',
            r"Lifecycle\.DeleteAfterDays is true: it must be a whole number",
        ),
        (
            "StartBackupJob",
            b"{" + JOB + b', "Lifecycle": {"DeleteAfterDays": 9223372036854775808}}',
            r"Lifecycle\.DeleteAfterDays is 9223372036854775808: it must be -9223372036854775808 to",
        ),
        (
            "StartBackupJob",
            b"{" + JOB + b', "BackupOptions": {"a b": "c"}}',
            r"BackupOptions\['a b'\] is 'a b': it must be text that matches",
        ),
        (
            "StartRestoreJob",
            b'{"RecoveryPointArn": "arn", "Metadata": {"key": 5}}',
            r"Metadata\['key'\] is a value that is not shown: it must be a string",
        ),
    ],
)
def test_what_is_wrong_in_a_json_body_is_said_with_its_place(name: str, raw: bytes, says: str) -> None:
    with pytest.raises(InvalidInput, match="^" + says):
        body(name, raw)


def test_times_and_blobs_in_json_are_converted_and_nested_members_demanded() -> None:
    part = {
        "type": "structure",
        "required": ["Made"],
        "members": {"Made": {"shape": "timestamp"}, "Raw": {"shape": "blob"}},
    }
    operation = operation_of({"type": "structure", "members": {"Part": {"shape": "Part"}}}, Part=part)

    def read(text: bytes) -> dict[str, Any]:
        params: dict[str, Any] = {}
        parse_body(operation, params, b'{"Part": {' + text + b"}}")
        return params

    assert read(b'"Made": 1.5, "Raw": "AP8="') == {"Part": {"Made": 1_500_000, "Raw": b"\x00\xff"}}
    assert read(b'"Made": "1970-01-01T00:00:01Z"') == {"Part": {"Made": 1_000_000}}
    for text, says in [
        (b'"Made": 1e300', r"Part\.Made is 1e\+300: it must be a time"),
        (b'"Made": []', r"Part\.Made is a list of 0: it must be a time"),
        (b'"Made": 1, "Raw": "?"', r"Part\.Raw is '\?': it must be a string in base64"),
        (b'"Raw": ""', r"Part\.Made is missing"),
    ]:
        with pytest.raises(InvalidInput, match=says):
            read(text)
