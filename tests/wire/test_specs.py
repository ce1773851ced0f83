"""The models: facts of the API that must not drift, and that loading them stays light."""

import json
import re
import subprocess
import sys
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from holdfast.model.errors import Internal
from holdfast.wire import specs
from holdfast.wire.shapes import compile_shape
from scripts import backup_model

SERVICES = specs.load()
# operation: method, path, then where each parameter travels (query unless a header is named)
NINE = {
    "PutObject": ("PUT", "/backup-jobs/{jobId}/object/{objectName}/put-object", {
        "metadata-string", "length", "checksum", "checksum-algorithm", "object-checksum", "object-checksum-algorithm",
        "throwOnDuplicate",
    }),
    "StartObject": ("PUT", "/backup-jobs/{jobId}/object/{objectName}", set()),
    "PutChunk": ("PUT", "/backup-jobs/{jobId}/chunk/{uploadId}/{chunkIndex}", {
        "length", "checksum", "checksum-algorithm",
    }),
    "NotifyObjectComplete": ("PUT", "/backup-jobs/{jobId}/object/{uploadId}/complete", {
        "checksum", "checksum-algorithm", "metadata-string", "metadata-blob-length", "metadata-checksum",
        "metadata-checksum-algorithm",
    }),
    "DeleteObject": ("DELETE", "/backup-jobs/{jobId}/object/{objectName}", set()),
    "ListObjects": ("GET", "/restore-jobs/{jobId}/objects/list", {
        "starting-object-name", "starting-object-prefix", "max-results", "next-token", "created-before",
        "created-after",
    }),
    "ListChunks": ("GET", "/restore-jobs/{jobId}/chunks/{objectToken}/list", {"max-results", "next-token"}),
    "GetChunk": ("GET", "/restore-jobs/{jobId}/chunk/{chunkToken}", set()),
    "GetObjectMetadata": ("GET", "/restore-jobs/{jobId}/object/{objectToken}/metadata", set()),
}  # fmt: skip
ANSWER_HEADERS = {
    "GetChunk": {"x-amz-data-length", "x-amz-checksum", "x-amz-checksum-algorithm"},
    "GetObjectMetadata": {"x-amz-metadata-string", "x-amz-data-length", "x-amz-checksum", "x-amz-checksum-algorithm"},
}
BLOBS = {
    "PutObject": "InlineChunk",
    "PutChunk": "Data",
    "NotifyObjectComplete": "MetadataBlob",
    "PutObjects": "Objects",
}


@pytest.mark.parametrize("name", NINE)
def test_the_nine_travel_as_aws_published_them(name: str) -> None:
    operation = SERVICES.operation(name)
    method, path, query = NINE[name]
    assert (operation.service, operation.signing_name) == ("backupstorage", "backup-storage")
    assert (operation.method, operation.uri, {key.decode() for key in operation.query}) == (method, path, query)
    members = operation.output.members.values() if operation.output else ()
    headers = {member.location_name for member in members if member.location == "header"}
    assert headers == ANSWER_HEADERS.get(name, set())


def test_only_the_three_uploads_leave_their_body_out_of_the_signature() -> None:
    unsigned = {operation.name for operation in SERVICES.operations if operation.unsigned_payload}
    assert unsigned == {"PutObject", "PutChunk", "NotifyObjectComplete"}
    assert {each.name: each.blob_member for each in SERVICES.operations if each.body == "blob"} == BLOBS


def test_operations_are_told_apart_by_name_alone() -> None:
    assert len(SERVICES.by_name) == len(SERVICES.operations) == 9 + 11 + 15
    assert len(SERVICES.routes) > 100


@pytest.mark.parametrize("folder", ["backupstorage/2018-04-10", "holdfast/2026-11-01"])
def test_every_operation_and_member_of_our_models_is_documented(folder: str) -> None:
    model: dict[str, Any] = json.loads((specs.data_path() / folder / "service-2.json").read_text())
    parts = {**model["operations"]}
    for name, shape in model["shapes"].items():
        parts |= {f"{name}.{member}": part for member, part in shape.get("members", {}).items()}
    assert [name for name, part in parts.items() if len(part.get("documentation", "")) < 20] == []


def test_loading_the_models_imports_nothing_of_botocore() -> None:
    program = "import sys; from holdfast.wire import specs; specs.load().operations; print('botocore' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_what_is_read_of_aws_backup_is_what_the_installed_botocore_says() -> None:
    expected = backup_model.text(backup_model.reduced(backup_model.botocore_model(), specs.SERVED_OF_BACKUP))
    assert specs.BACKUP_MODEL.read_text() == expected, "write it with `python -m scripts.backup_model`"


def test_the_part_of_aws_backup_that_is_read_compiles_to_what_the_whole_model_does() -> None:
    whole = specs.compile_model(specs.BACKUP, backup_model.botocore_model(), specs.SERVED_OF_BACKUP)
    read = {route.name: route for route in SERVICES.routes if route.signing_name == "backup"}
    for route in whole:
        assert facts(read[route.name]) == facts(route)


def facts(value: Any) -> Any:
    """A compiled value as plain ones, which compare by what they hold."""
    if isinstance(value, re.Pattern):
        return value.pattern
    if isinstance(value, dict):
        return {key: facts(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [facts(each) for each in value]
    if not is_dataclass(value):
        return value
    own = {each.name: facts(getattr(value, each.name)) for each in fields(value) if each.name != "compile"}
    return own | ({"operation": facts(value.operation)} if isinstance(value, specs.Route) else {})


def test_one_operation_is_compiled_without_the_others() -> None:
    program = (
        "from holdfast.wire import specs; made = []; whole = specs._compile_operation\n"
        "specs._compile_operation = lambda *given: made.append(given[2]['name']) or whole(*given)\n"
        "(route,) = [route for route in specs.load().routes if route.name == 'GetChunk']; route.operation; print(made)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "['GetChunk']"


def test_a_shape_that_contains_itself_is_refused_at_load() -> None:
    tree = {"Tree": {"type": "structure", "members": {"Branches": {"shape": "Trees"}}}}
    with pytest.raises(Internal, match="contains itself"):
        compile_shape({**tree, "Trees": {"type": "list", "member": {"shape": "Tree"}}}, "Tree")


def test_a_shape_of_an_unknown_type_is_refused_at_load() -> None:
    with pytest.raises(Internal, match="float"):
        compile_shape({"Ratio": {"type": "float"}}, "Ratio")
