"""boto serialises, we parse; we serialise, boto parses: both see the same values, for every operation served."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.wire.message import RequestHead, Response
from holdfast.wire.parse import parse_body, parse_head
from holdfast.wire.route import Router
from holdfast.wire.serialize import serialize
from holdfast.wire.specs import Operation
from tests.wire.boto import SERVICES, boto
from tests.wire.values import AWKWARD, fitting, inside

ROUTER = Router(SERVICES)
every_operation = pytest.mark.parametrize("operation", SERVICES.operations, ids=lambda operation: operation.name)
quick = settings(max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def heard(operation: Operation, head: RequestHead, body: bytes) -> dict[str, Any]:
    routed = ROUTER.route(head, operation.signing_name)
    assert routed.operation is operation
    params = parse_head(operation, routed.labels, head)
    parse_body(operation, params, body)
    return params


def sent_by_boto(shape: Any, params: dict[str, Any]) -> dict[str, Any]:
    """`params` without what boto cannot have meant: an absent blob is an empty one on the wire."""
    blob = shape.serialization.get("payload") if shape else None
    return {blob: b"", **inside(params)} if blob else inside(params)


@every_operation
def test_what_boto_sends_is_what_the_handler_gets(operation: Operation) -> None:
    client = boto(operation.service)
    shape = client.model.operation_model(operation.name).input_shape
    made_up = {name for name, member in shape.members.items() if member.metadata.get("idempotencyToken")}

    @quick
    @given(params=fitting(shape))
    def check(params: dict[str, Any]) -> None:
        head, body = client.request(operation.name, params)
        got = heard(operation, head, body)
        for name in made_up - params.keys():
            assert len(str(got.pop(name))) == 36  # boto fills in a UUID
        assert got == sent_by_boto(shape, params)

    check()


@every_operation
def test_what_the_handler_answers_is_what_boto_returns(operation: Operation) -> None:
    client = boto(operation.service)
    model = client.model.operation_model(operation.name)
    params = {name: _some(member) for name, member in model.input_shape.members.items()}

    @quick
    @given(result=fitting(model.output_shape) if model.output_shape else st.just({}))
    def check(result: dict[str, Any]) -> None:
        absent = {
            name: None for name in (model.output_shape.members if model.output_shape else ()) if name not in result
        }
        answer = client.call(operation.name, params, lambda *_: serialize(operation, {**inside(result), **absent}))
        assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 200
        assert _read(answer, model) == sent_by_boto(model.output_shape, result)

    check()


@pytest.mark.parametrize("name", AWKWARD)
def test_any_object_name_survives_every_operation_that_takes_one(name: str) -> None:
    client = boto("backupstorage")
    for operation in ("PutObject", "StartObject", "DeleteObject"):
        head, body = client.request(operation, {"BackupJobId": "job", "ObjectName": name})
        assert heard(SERVICES.operation(operation), head, body)["ObjectName"] == name


def test_a_reader_without_length_and_an_empty_body_look_as_boto_sends_them() -> None:
    client = boto("backupstorage")
    required = {"BackupJobId": "j", "UploadId": "u", "ChunkIndex": 2**63 - 1, "Length": 0}
    head, body = client.request("PutChunk", {**required, "Data": b"", "Checksum": "c", "ChecksumAlgorithm": "SHA256"})
    got = heard(SERVICES.operation("PutChunk"), head, body)
    assert got["Length"] == 0
    assert got["ChunkIndex"] == 2**63 - 1
    assert got["Data"] == b""


def test_pages_are_followed_by_the_paginators_that_we_ship() -> None:
    client = boto("backupstorage")
    operation = SERVICES.operation("ListObjects")

    def page(head: RequestHead, body: bytes) -> Response:
        number = int(str(heard(operation, head, body).get("NextToken", "0")))
        entry = {"Name": str(number), "ObjectToken": "t", "ObjectChecksum": "c", "ObjectChecksumAlgorithm": "SUMMARY"}
        return serialize(operation, {"ObjectList": [entry], "NextToken": str(number + 1) if number < 3 else None})

    client.answer = page
    pages = client.client.get_paginator("list_objects").paginate(StorageJobId="j", PaginationConfig={"PageSize": 1})
    assert [entry["Name"] for entry in pages.search("ObjectList")] == ["0", "1", "2", "3"]
    assert boto("backupstorage").client.can_paginate("list_chunks")
    assert boto("holdfast").client.can_paginate("scan_objects")


def _some(shape: Any) -> Any:
    if shape.type_name == "string":
        return shape.enum[0] if shape.enum else "000000000000"
    simple = {"integer": 1, "long": 1, "boolean": True, "timestamp": 1, "blob": b"", "map": {}, "structure": {}}
    return ["x"] if shape.type_name == "list" else simple[shape.type_name]


def _read(answer: dict[str, Any], model: Any) -> dict[str, Any]:
    """The answer with its stream read, and its headers read as the UTF-8 that they are."""
    for name, value in answer.items():
        if hasattr(value, "read"):
            answer[name] = value.read()
        elif isinstance(value, str) and model.output_shape.members[name].serialization.get("location") == "header":
            answer[name] = value.encode("latin-1").decode()
    return dict(inside(answer))
