"""The models: facts of the API that must not drift, and that loading them stays light."""

import json
import subprocess
import sys
from typing import Any

import pytest

from holdfast.model.errors import Internal
from holdfast.wire import specs
from holdfast.wire.shapes import compile_shape

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


def test_loading_the_models_starts_nothing_of_botocore() -> None:
    program = "import sys; from holdfast.wire import specs; specs.load(); print('botocore.session' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_a_shape_that_contains_itself_is_refused_at_load() -> None:
    tree = {"Tree": {"type": "structure", "members": {"Branches": {"shape": "Trees"}}}}
    with pytest.raises(Internal, match="contains itself"):
        compile_shape({**tree, "Trees": {"type": "list", "member": {"shape": "Tree"}}}, "Tree")


def test_a_shape_of_an_unknown_type_is_refused_at_load() -> None:
    with pytest.raises(Internal, match="float"):
        compile_shape({"Ratio": {"type": "float"}}, "Ratio")
