"""What the log says of each request: enough to follow an attack, nothing that is secret, no line that is not ours."""

import io
import json
from typing import Any

import pytest

from holdfast.model.networks import Networks
from holdfast.server.gateway import Admitted
from holdfast.server.trace import RESOURCES, TOKENS, claimed_key, client_address, shown
from holdfast.wire.message import RequestHead, Response
from holdfast.wire.specs import load
from tests.server.live import HANDLERS, KEY, UNSIGNED, Start, build_gateway, chunk_target, read_reply, render, signed

NEVER_SHOWN = {
    # contents, their digests and sizes
    "Data", "InlineChunk", "MetadataBlob", "Objects", "Checksum", "ChecksumAlgorithm", "Length", "InlineChunkLength",
    "InlineChunkChecksum", "InlineChunkChecksumAlgorithm", "ObjectChecksum", "ObjectChecksumAlgorithm",
    "MetadataBlobLength", "MetadataBlobChecksum", "MetadataBlobChecksumAlgorithm", "MetadataString", "Metadata",
    # tokens, and what clients make up
    "NextToken", "ObjectTokens", "IdempotencyToken", "CreatorRequestId", "Confirm", "BackupVaultTags",
    "RecoveryPointTags", "BackupOptions",
    # how, not upon what
    "MaxResults", "CreatedBefore", "CreatedAfter", "ThrowOnDuplicate", "DropOpenUploads", "DryRun", "Seconds",
    "CompactThreshold", "ReleaseHold", "AddParity", "BackupVaultAccountId", "ByState", "ByCreatedBefore",
    "ByCreatedAfter", "ByResourceType", "ByAccountId", "ByCompleteAfter", "ByCompleteBefore", "ByMessageCategory",
    "ByVaultType", "ByShared", "ByBackupPlanId", "ManagedByAWSBackupOnly", "ByStatus", "ByRestoreTestingPlanArn",
    "StartWindowMinutes", "CompleteWindowMinutes", "Lifecycle", "Index", "ResourceType",
    "CopySourceTagsToRestoredResource",
}  # fmt: skip


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, log.getvalue().splitlines()) if line["event"] == "request"]


def asked(
    method: str, target: str, *, body: bytes = b"", client: str | None = "192.0.2.7", **how: Any
) -> dict[str, Any]:
    """The line about one request to a gateway."""
    log = io.StringIO()
    gateway = build_gateway({**HANDLERS, "DeleteObjects": lambda *_: {}}, log=log)
    raw_path, _, query = target.encode().partition(b"?")
    given = how.pop("headers", None) or signed(method, target, body, **how)
    length = (b"content-length", b"%d" % len(body))
    admitted = gateway.admit(RequestHead(method, raw_path, query, (*given, length)), client)
    if isinstance(admitted, Admitted):
        gateway.answer(admitted, body)
    assert isinstance(admitted, Admitted | Response)
    [line] = lines(log)
    return line


def test_a_line_names_address_key_operation_and_what_it_acted_on():
    line = asked("PUT", "/backup-jobs/j1/object/a%2Fb", body=b"{}")
    assert (line["client"], line["caller"], line["operation"]) == ("192.0.2.7", KEY, "StartObject")
    assert line["on"]["BackupJobId"] == "j1"
    assert line["on"]["ObjectName"] == "a/b"


def test_a_refused_request_is_named_with_the_key_it_claims_and_what_it_was_after():
    line = asked("PUT", "/backup-jobs/j1/object/a%2Fb", body=b"{}", secret="wrong")
    assert (line["status"], line["operation"], line["client"]) == (403, "StartObject", "192.0.2.7")
    assert (line["caller"], line["claimed"]) == (None, KEY)
    assert line["on"] == {"BackupJobId": "j1", "ObjectName": "a/b"}


def test_a_request_without_a_signature_is_named_by_its_path():
    line = asked("DELETE", "/backup-vaults/default/recovery-points/arn%3Aaws%3A1", headers=[(b"host", b"x")])
    assert (line["operation"], line["claimed"]) == ("DeleteRecoveryPoint", None)
    assert line["on"] == {"BackupVaultName": "default", "RecoveryPointArn": "arn:aws:1"}


def test_a_path_that_is_none_of_ours_has_no_name():
    line = asked("GET", "/" + "x/" * 1000)
    assert line["operation"] == "none"
    assert "on" not in line


def test_a_list_of_names_is_shown_by_its_first_few():
    body = json.dumps({"ObjectNames": [f"n{number}" for number in range(9)]}).encode()
    operation = load().operation("DeleteObjects")
    line = asked(operation.method, operation.uri.replace("{backupJobId}", "j1").replace("{jobId}", "j1"), body=body)
    assert line["operation"] == "DeleteObjects"
    assert line["on"]["ObjectNames"] == ["n0", "n1", "n2", "and 6 more"]


def test_no_token_and_no_checksum_is_in_the_log_and_lines_of_one_upload_are_found_together():
    body = b"abc"
    target = chunk_target(body).replace("/u1/", "/the-upload-token/")
    line = asked("PUT", target, body=body, payload=UNSIGNED)
    start = asked("PUT", "/backup-jobs/j1/object/the-upload-token", body=b"{}")
    assert line["status"] == 200
    assert "the-upload-token" not in json.dumps(line)
    assert "checksum" not in json.dumps(line).lower()
    assert line["on"]["UploadId"] == start["on"]["UploadId"]


@pytest.mark.parametrize("secret", ["wrong", None], ids=["refused", "confirmed"])
def test_what_a_name_holds_never_becomes_a_line_or_a_command_of_a_terminal(secret: str | None):
    how = {} if secret is None else {"secret": secret}
    line = asked("DELETE", "/backup-jobs/j/object/%0A%1B%5B2J%E2%80%AE%ED%B3%BF" + "n" * 5000, **how)
    assert all(one.isprintable() for one in json.dumps(line, ensure_ascii=False))
    assert all(len(str(value)) < 600 for value in line.values())


def test_texts_are_cut_and_escaped():
    assert shown("plain \u00e9") == "plain \u00e9"
    assert shown("a\nb\x1b[\u202e\ud800") == r"a\x0ab\x1b[\u202e\ud800"
    assert shown("x" * 300) == "x" * 256 + "... (300 characters)"


def test_a_claimed_key_is_shown_in_part_if_it_may_be_a_secret():
    def head(value: bytes) -> RequestHead:
        return RequestHead("GET", b"/", b"", ((b"authorization", value),))

    assert claimed_key(head(b"AWS4-HMAC-SHA256 Credential=HFAK0/20260101/r/s/aws4_request")) == "HFAK0"
    assert claimed_key(head(b"x Credential=\x1b\xff")) is None or "\x1b" not in str(
        claimed_key(head(b"Credential=\x1b"))
    )
    secret = "wJalrXUtnFEMI+K7MDENG+bPxRfiCYEXAMPLEKEY"
    assert secret not in str(claimed_key(head(f"Credential={secret}/x".encode())))
    assert claimed_key(head(b"Bearer abc")) is None


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.1", (), "192.0.2.1"),
        ("192.0.2.1", ("203.0.113.5",), "192.0.2.1"),
        ("10.0.0.5", (), "10.0.0.5"),
        ("10.0.0.5", ("203.0.113.5",), "203.0.113.5"),
        ("10.0.0.5", ("6.6.6.6, 203.0.113.5",), "203.0.113.5"),
        ("10.0.0.5", ("6.6.6.6, 203.0.113.5, 10.0.0.9",), "203.0.113.5"),
        ("10.0.0.5", ("6.6.6.6", "203.0.113.5", "10.0.0.9"), "203.0.113.5"),
        ("10.0.0.5", ("10.0.0.7, 10.0.0.9",), "10.0.0.7"),
        ("10.0.0.5", ("203.0.113.5,",), "10.0.0.5"),
        ("10.0.0.5", ("6.6.6.6, un\x1bknown",), r"un\x1bknown"),
        ("::ffff:10.0.0.5", ("2001:db8::1",), "2001:db8::1"),
        (None, ("203.0.113.5",), None),
    ],
)
def test_the_client_is_the_right_most_address_that_no_trusted_proxy_has(
    peer: str | None, forwarded: tuple[str, ...], address: str | None
):
    headers = tuple((b"x-forwarded-for", value.encode("latin-1")) for value in forwarded)
    head = RequestHead("GET", b"/", b"", headers)
    assert client_address(peer, head, Networks.parse("10.0.0.0/8")) == address


def test_a_server_logs_the_address_of_the_socket_or_of_whom_a_trusted_proxy_names(start: Start):
    for trusted, address in (("", "127.0.0.1"), ("127.0.0.0/8", "203.0.113.5")):
        live = start(trusted_proxies=Networks.parse(trusted))
        sock = live.connect()
        headers = [*signed("DELETE", "/backup-jobs/j/object/o"), (b"x-forwarded-for", b"203.0.113.5")]
        sock.sendall(render("DELETE", "/backup-jobs/j/object/o", headers))
        read_reply(sock)
        assert lines(live.log)[0]["client"] == address


def test_every_member_of_every_request_is_shown_or_kept_back_by_decision():
    members = {name for operation in load().operations for name in operation.input.members}
    assert members - RESOURCES - TOKENS == NEVER_SHOWN
