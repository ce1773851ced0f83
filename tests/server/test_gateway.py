"""The gateway alone, driven as the agent's in-process transport drives it."""

import json
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from holdfast.model.limits import JSON_BODY_BYTES_MAX, METADATA_BLOB_BYTES_MAX, MIB
from holdfast.server.body_limits import BodyLimits
from holdfast.server.gateway import Admitted
from holdfast.wire.message import RequestHead, Response
from tests.server.live import HANDLERS, KEY, SECRET, UNSIGNED, build_gateway, chunk_target, signed

GATEWAY = build_gateway()


def head(method: str, target: str, headers: list[tuple[bytes, bytes]], *more: tuple[bytes, bytes]) -> RequestHead:
    raw_path, _, query = target.encode().partition(b"?")
    return RequestHead(method, raw_path, query, (*headers, *more))


def length(size: int) -> tuple[bytes, bytes]:
    return (b"content-length", str(size).encode())


def judged(answer: Admitted | Response) -> tuple[int, str, str]:
    assert isinstance(answer, Response), answer
    names = dict(answer.headers)
    assert names[b"x-amzn-requestid"]
    document = json.loads(bytes(answer.body))
    assert document["__type"] == names[b"x-amzn-errortype"].decode()
    return answer.status, document["__type"], document["Message"]


def without_hash(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """What boto sends: the body's hash is signed and not told."""
    return [pair for pair in headers if pair[0] != b"x-amz-content-sha256"]


def test_nobody_is_told_what_exists_before_the_signature_is_confirmed():
    for target in ("/", "/backup-jobs/j/object/o", "/nonsense", "/../etc", "/backup-vaults/x"):
        assert judged(GATEWAY.admit(head("GET", target, [(b"host", b"test")])))[:2] == (403, "AccessDeniedException")
        wrong = signed("GET", target, secret="another")
        assert judged(GATEWAY.admit(head("GET", target, wrong)))[:2] == (403, "AccessDeniedException")


def test_no_handler_runs_for_a_wrong_signature_over_the_body():
    called: list[Any] = []
    gateway = build_gateway({**HANDLERS, "StartObject": lambda *_: called.append(1) or {"UploadId": "u"}})
    target = "/backup-jobs/j/object/o"
    given = boto_signed("PUT", target, b'{"ThrowOnDuplicate":true}')
    admitted = gateway.admit(head("PUT", target, given, length(2)))
    assert isinstance(admitted, Admitted)
    assert admitted.caller is None
    assert admitted.operation is None
    assert judged(gateway.answer(admitted, b"{}"))[:2] == (403, "AccessDeniedException")
    assert called == []
    admitted = gateway.admit(head("PUT", target, given, length(25)))
    assert isinstance(admitted, Admitted)
    assert gateway.answer(admitted, b'{"ThrowOnDuplicate":true}').status == 200
    assert called == [1]


def boto_signed(method: str, target: str, body: bytes) -> list[tuple[bytes, bytes]]:
    """Signed without x-amz-content-sha256, as boto does."""
    request = AWSRequest(method, f"http://test{target}", data=body, headers={"host": "test"})
    SigV4Auth(Credentials(KEY, SECRET), "backup-storage", "here").add_auth(request)
    return [(name.lower().encode(), value.encode()) for name, value in request.headers.items()]


def test_unsigned_payload_is_for_operations_whose_model_says_so():
    target = "/backup-jobs/j/object/o"
    given = signed("PUT", target, payload=UNSIGNED)
    status, code, message = judged(GATEWAY.admit(head("PUT", target, given, length(2))))
    assert (status, code) == (403, "AccessDeniedException")
    assert "UNSIGNED-PAYLOAD" in message


def test_a_body_other_than_the_declared_hash_is_refused():
    target = chunk_target(b"abc")
    admitted = GATEWAY.admit(head("PUT", target, signed("PUT", target, b"abd"), length(3)))
    assert isinstance(admitted, Admitted)
    assert judged(GATEWAY.answer(admitted, b"abc"))[1] == "IllegalArgumentException"


@pytest.mark.parametrize(
    ("declared", "sent", "code"),
    [
        (16 * MIB + 1, 16 * MIB + 1, "IllegalArgumentException"),
        (3, 4, "IllegalArgumentException"),
        (4, 3, "NotReadableInputStreamException"),
        (-1, 3, "IllegalArgumentException"),
        (2**70, 3, "IllegalArgumentException"),
    ],
)
def test_lengths_are_judged_from_the_head_alone(declared: int, sent: int, code: str):
    target = chunk_target(b"abc", length=declared)
    answer = GATEWAY.admit(head("PUT", target, signed("PUT", target, payload=UNSIGNED), length(sent)))
    assert judged(answer)[:2] == (400, code)


def test_a_metadata_blob_has_a_limit_of_its_own():
    size = METADATA_BLOB_BYTES_MAX + 1
    target = f"/backup-jobs/j/object/u/complete?checksum=x&checksum-algorithm=SUMMARY&metadata-blob-length={size}"
    answer = GATEWAY.admit(head("PUT", target, signed("PUT", target, payload=UNSIGNED), length(size)))
    status, code, message = judged(answer)
    assert (status, code) == (400, "IllegalArgumentException")
    assert str(METADATA_BLOB_BYTES_MAX) in message


def test_a_large_body_without_a_declared_hash_is_not_read():
    target = "/backup-jobs/j/object/o"
    given = without_hash(signed("PUT", target))
    answer = GATEWAY.admit(head("PUT", target, given, length(JSON_BODY_BYTES_MAX + 1)))
    assert judged(answer)[1] == "IllegalArgumentException"


def test_a_body_in_another_encoding_is_refused():
    target = chunk_target(b"abc")
    given = signed("PUT", target, payload=UNSIGNED)
    answer = GATEWAY.admit(head("PUT", target, given, length(3), (b"content-encoding", b"gzip")))
    assert judged(answer)[1] == "IllegalArgumentException"


@pytest.mark.parametrize("value", [b"x", b"-1", b"1e3", b"9" * 30, b""])
def test_a_content_length_that_is_no_number_is_refused(value: bytes):
    target = chunk_target(b"abc")
    given = signed("PUT", target, payload=UNSIGNED)
    assert judged(GATEWAY.admit(head("PUT", target, given, (b"content-length", value))))[0] == 400


def test_a_defect_of_a_handler_is_answered_without_details():
    def broken(*_: Any) -> dict[str, object]:
        raise RuntimeError("a secret")

    gateway = build_gateway({"PutChunk": broken})
    target = chunk_target(b"abc")
    admitted = gateway.admit(head("PUT", target, signed("PUT", target, payload=UNSIGNED), length(3)))
    assert isinstance(admitted, Admitted)
    status, code, message = judged(gateway.answer(admitted, b"abc"))
    assert (status, code) == (500, "ServiceInternalException")
    assert "secret" not in message


def test_a_result_that_the_model_does_not_allow_is_our_fault():
    gateway = build_gateway({"PutChunk": lambda *_: {"Nonsense": 1}})
    target = chunk_target(b"abc")
    admitted = gateway.admit(head("PUT", target, signed("PUT", target, payload=UNSIGNED), length(3)))
    assert isinstance(admitted, Admitted)
    assert judged(gateway.answer(admitted, b"abc"))[0] == 500


def test_early_answers_are_only_for_clients_that_wait():
    gateway = build_gateway(early={"PutChunk": lambda *_: {"ChunkChecksum": "c", "ChunkChecksumAlgorithm": "SHA256"}})
    target = chunk_target(b"abc")
    given = signed("PUT", target, payload=UNSIGNED)
    plain = gateway.admit(head("PUT", target, given, length(3)))
    waiting = gateway.admit(head("PUT", target, given, length(3), (b"expect", b"100-Continue")))
    assert isinstance(plain, Admitted)
    assert isinstance(waiting, Admitted)
    assert not gateway.wants_early(plain)
    assert gateway.wants_early(waiting)
    early = gateway.early(waiting)
    assert early is not None
    assert early.status == 200


OBJECT = "/backup-jobs/j/object/o/put-object"
COMPLETE = "/backup-jobs/j/object/u/complete?checksum=x&checksum-algorithm=SUMMARY"


@pytest.mark.parametrize(
    ("target", "missing"),
    [
        (OBJECT, "InlineChunkLength"),
        (OBJECT + "?length=3", "InlineChunkChecksum"),
        (COMPLETE, "MetadataBlobLength"),
        (COMPLETE + "&metadata-blob-length=3", "MetadataBlobChecksum"),
    ],
)
def test_where_checksums_are_required_a_body_outside_the_signature_must_be_declared(target: str, missing: str):
    strict = build_gateway(limits=BodyLimits(require_checksums=True))
    given = signed("PUT", target, payload=UNSIGNED)
    for framing in (length(3), (b"transfer-encoding", b"chunked")):
        assert isinstance(GATEWAY.admit(head("PUT", target, given, framing)), Admitted)
        status, code, message = judged(strict.admit(head("PUT", target, given, framing)))
        assert (status, code) == (400, "IllegalArgumentException")
        assert message.startswith(f"{missing} is missing")
    without = target.replace("length=3", "length=0")
    empty = strict.admit(head("PUT", without, signed("PUT", without, payload=UNSIGNED), length(0)))
    assert isinstance(empty, Admitted)
    assert isinstance(strict.admit(head("PUT", target, signed("PUT", target, b"abc"), length(3))), Admitted)


def test_where_checksums_are_required_a_declared_body_is_taken():
    strict = build_gateway(limits=BodyLimits(require_checksums=True))
    checksum = "ungWv48Bz%2BpBQUDeXa4iI7ADYaOWF3qctBD%2FYfIAFa0%3D"
    for target in (
        OBJECT + f"?length=3&checksum={checksum}",
        COMPLETE + f"&metadata-blob-length=3&metadata-checksum={checksum}",
    ):
        given = signed("PUT", target, payload=UNSIGNED)
        assert isinstance(strict.admit(head("PUT", target, given, length(3))), Admitted)
