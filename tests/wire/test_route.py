"""Raw paths and what they mean."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.model.errors import Denied, HoldfastError, InvalidInput, InvalidState, NotFound
from holdfast.wire.message import RequestHead
from holdfast.wire.route import Router
from tests.wire.boto import SERVICES

ROUTER = Router(SERVICES)


def route(method: str, path: str | bytes, signing_name: str = "backup-storage") -> tuple[str, tuple[str, ...]]:
    raw = path if isinstance(path, bytes) else path.encode("ascii")
    routed = ROUTER.route(RequestHead(method, raw, b"", ()), signing_name)
    return routed.operation.name, tuple(routed.labels.values())


@pytest.mark.parametrize(
    ("method", "path", "operation", "labels"),
    [
        ("PUT", "/backup-jobs/J/object/put-object", "StartObject", ("J", "put-object")),
        ("PUT", "/backup-jobs/J/object/complete", "StartObject", ("J", "complete")),
        ("PUT", "/backup-jobs/J/object/X/put-object", "PutObject", ("J", "X")),
        ("PUT", "/backup-jobs/J/object/X%2Fput-object", "StartObject", ("J", "X/put-object")),
        ("PUT", "/backup-jobs/J/object/put-object/put-object", "PutObject", ("J", "put-object")),
        ("PUT", "/backup-jobs/J/object/x%2Fcomplete", "StartObject", ("J", "x/complete")),
        ("PUT", "/backup-jobs/J/object/U/complete", "NotifyObjectComplete", ("J", "U")),
        ("PUT", "/backup-jobs/J/object/U%2Fcomplete/complete", "NotifyObjectComplete", ("J", "U/complete")),
        ("DELETE", "/backup-jobs/J/object/a%2F..%2Fb", "DeleteObject", ("J", "a/../b")),
        ("DELETE", "/backup-jobs/J/object/%252F+%2B", "DeleteObject", ("J", "%2F++")),
        ("DELETE", "/backup-jobs/J/object/...", "DeleteObject", ("J", "...")),
        ("PUT", "/backup-jobs/object/object/object", "StartObject", ("object", "object")),
        ("PUT", "/backup-jobs/J/chunk/U/7", "PutChunk", ("J", "U", "7")),
        ("POST", "/backup-jobs/J/objects", "PutObjects", ("J",)),
        ("GET", "/restore-jobs/J/objects/list", "ListObjects", ("J",)),
        ("GET", "/restore-jobs/J/objects/scan", "ScanObjects", ("J",)),
    ],
)
def test_storage_paths_are_split_before_they_are_decoded(
    method: str, path: str, operation: str, labels: tuple[str, ...]
) -> None:
    assert route(method, path) == (operation, labels)


@pytest.mark.parametrize(
    ("method", "path", "operation", "labels"),
    [
        ("GET", "/backup-vaults/", "ListBackupVaults", ()),
        ("GET", "/backup-vaults", "ListBackupVaults", ()),
        ("GET", "/backup-vaults/v", "DescribeBackupVault", ("v",)),
        ("GET", "/backup-jobs/", "ListBackupJobs", ()),
        ("PUT", "/backup-jobs", "StartBackupJob", ()),
        ("POST", "/backup-jobs/J", "StopBackupJob", ("J",)),
        ("GET", "/backup-vaults/v/recovery-points/", "ListRecoveryPointsByBackupVault", ("v",)),
        ("GET", "/backup-vaults/v/recovery-points", "ListRecoveryPointsByBackupVault", ("v",)),
        ("GET", "/backup-vaults/v/recovery-points/arn%3Aaws%3Ax", "DescribeRecoveryPoint", ("v", "arn:aws:x")),
        ("DELETE", "/backup-vaults/v/recovery-points/arn:aws:x%2Fy", "DeleteRecoveryPoint", ("v", "arn:aws:x/y")),
        ("GET", "/resources/arn%3Ax/recovery-points", "ListRecoveryPointsByResource", ("arn:x",)),
    ],
)
def test_paths_of_aws_backup_are_known_with_and_without_the_slash_of_their_template(
    method: str, path: str, operation: str, labels: tuple[str, ...]
) -> None:
    assert route(method, path, "backup") == (operation, labels)


@pytest.mark.parametrize(
    ("method", "path", "named"),
    [
        ("PUT", "/backup-jobs/J/object/", "ObjectName"),
        ("PUT", "/backup-jobs/J/object//put-object", "ObjectName"),
        ("PUT", "/backup-jobs//object/X", "BackupJobId"),
        ("PUT", "/backup-jobs/J/chunk/U/", "ChunkIndex"),
        ("GET", "/restore-jobs/J/chunk/", "ChunkToken"),
        ("PUT", "/backup-jobs/J/object/%2E%2e", "ObjectName"),
        ("PUT", "/backup-jobs/%2E/object/x", "BackupJobId"),
        ("PUT", "/backup-jobs/J/object/%", "ObjectName"),
        ("PUT", "/backup-jobs/J/object/%4", "ObjectName"),
        ("PUT", "/backup-jobs/J/object/%zz", "ObjectName"),
        ("PUT", "/backup-jobs/J/object/%ff", "ObjectName"),
        ("PUT", "/backup-jobs/J/object/%ED%A0%80", "ObjectName"),
    ],
)
def test_an_empty_or_undecodable_label_is_refused_by_its_name(method: str, path: str, named: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{named} "):
        route(method, path)


@pytest.mark.parametrize(
    "path",
    ["/backup-jobs/J/object/..", "/backup-jobs/J/object/../put-object", "/./backup-jobs/J/object/x", "/..",
     "/backup-jobs/J/object/x/../put-object", "/restore-jobs/../backup-jobs/J/object/x", "/.", "backup-jobs", "", "*"],
)  # fmt: skip
def test_a_path_that_normalises_to_another_is_refused_before_routing(path: str) -> None:
    with pytest.raises(InvalidInput, match="path"):
        route("PUT", path)
    with pytest.raises(InvalidInput, match="path"):
        ROUTER.check_raw_path(path.encode())


@pytest.mark.parametrize(
    "path",
    ["/", "//", "/backup-jobs/J/object/x/", "//backup-jobs/J/object/x", "/backup-jobs/J/object/x/put-object/",
     "/Backup-jobs/J/object/x", "/backup-jobs/J/object/x/put%2Dobject", "/backup-jobs/J/chunk/U/1/2", "/health"],
)  # fmt: skip
def test_a_path_of_no_operation_is_not_found(path: str) -> None:
    with pytest.raises(NotFound, match="not an operation of backup-storage"):
        route("PUT", path)


def test_a_wrong_method_is_told_the_right_ones() -> None:
    with pytest.raises(InvalidInput, match=r"PUT \(StartObject\) or DELETE|DELETE \(DeleteObject\) or PUT"):
        route("POST", "/backup-jobs/J/object/x")
    with pytest.raises(InvalidInput, match=r"PUT \(PutChunk\)"):
        route("put", "/backup-jobs/J/chunk/U/1")


def test_a_path_of_the_other_service_is_told_which_to_sign_for() -> None:
    with pytest.raises(NotFound, match="sign it for backup, whose"):
        route("GET", "/backup-vaults/v")
    with pytest.raises(NotFound, match="sign it for backup-storage"):
        route("PUT", "/backup-jobs/J/object/x", "backup")


def test_an_operation_of_aws_backup_that_is_not_served_is_named() -> None:
    with pytest.raises(InvalidState, match="CreateBackupPlan is not offered"):
        route("PUT", "/backup/plans/", "backup")


def test_a_signature_for_another_service_is_denied() -> None:
    with pytest.raises(Denied, match="backup-storage"):
        route("GET", "/backup-vaults/", "s3")


fragments = st.sampled_from(
    [b"/", b"//", b"backup-jobs", b"restore-jobs", b"object", b"objects", b"chunk", b"put-object", b"complete", b"list",
     b"backup-vaults", b".", b"..", b"%", b"%2F", b"%2e", b"%ff", b"J", b"?", b"#", b"\x00", b"\xff", b"%u0041", b";"]
) | st.binary(max_size=6)  # fmt: skip


@settings(max_examples=1500, deadline=None, database=None)
@given(
    st.lists(fragments, max_size=12).map(b"".join),
    st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "", "Ü"]),
    st.sampled_from(["backup", "backup-storage", ""]),
)
def test_no_path_whatever_is_more_than_refused(path: bytes, method: str, signing_name: str) -> None:
    try:
        routed = ROUTER.route(RequestHead(method, b"/" + path, b"", ()), signing_name)
    except HoldfastError as refused:
        assert refused.message  # noqa: PT017 - being routed is right as well
    else:
        assert routed.operation.signing_name == signing_name
        assert all(text not in ("", ".", "..") for text in routed.labels.values())
