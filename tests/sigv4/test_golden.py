"""Signatures written down once (by botocore 1.44.5), so that a change on both of our sides at once is noticed."""

import hashlib

import pytest

from holdfast.sigv4.verify import parse_authorization, verify
from tests.sigv4.signed_requests import EMPTY, KEY_ID, SECRET, signed

UNSIGNED = "UNSIGNED-PAYLOAD"
JSON = hashlib.sha256(b'{"ThrowOnDuplicate":true}').hexdigest()
GOLDEN = [
    # method, path, query, content type, payload hash, session token, service, signature
    (
        "PUT",
        b"/backup-jobs/J-1/object/a%2Fb%20c%2B%7E/put-object",
        b"length=3&checksum=a%2Fb%3D&checksum-algorithm=SHA256&metadata-string=%C3%A9",
        b"",
        UNSIGNED,
        "",
        "backup-storage",
        "d3800c18b523d703d98ccc74fcb0e3911951bcd47083d77a5ca4995335c5a1fc",
    ),
    (
        "PUT",
        b"/backup-jobs/J-1/object/%E6%97%A5%E6%9C%AC",
        b"",
        b"application/json",
        JSON,
        "",
        "backup-storage",
        "617b5106f179932037635df666422cb8b8dbc1087cd1131595327755e01d7ac7",
    ),
    (
        "GET",
        b"/restore-jobs/r_1/objects/list",
        b"max-results=7&created-before=2015-01-01T00%3A00%3A00Z&starting-object-name=%2F",
        b"",
        EMPTY,
        "a/session+token==",
        "backup-storage",
        "a818508e5c66db498d6f16aa1fbfa39e2594b3e6e4fbe1cea16592372ae8b953",
    ),
    (
        "GET",
        b"/backup-vaults/",
        b"maxResults=2&nextToken=AQ",
        b"",
        EMPTY,
        "",
        "backup",
        "8aea164dcabd4c805911f2ba01bd90118840569d369b9d1fe60a03244f61aa7b",
    ),
    (
        "DELETE",
        b"/backup-vaults/v/recovery-points/arn%3Aaws%3Abackup%3Alocal%3A000000000000%3Arecovery-point%3Ax",
        b"",
        b"",
        EMPTY,
        "",
        "backup",
        "2f985e5dbd8288c407022401d91e1ff21029b218e5b093aaf94d214db1b7d025",
    ),
]


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden[-1][:8])
def test_a_signature_is_what_it_has_always_been(golden: tuple[str, bytes, bytes, bytes, str, str, str, str]) -> None:
    method, path, query, kind, payload_hash, token, service, expected = golden
    headers = ((b"content-type", kind),) if kind else ()
    head = signed(method, path, query, headers, payload_hash, token=token or None, service=service)
    credential = parse_authorization(head)
    assert credential.access_key_id == KEY_ID
    assert credential.signature == expected
    verify(head, credential, SECRET, payload_hash, 1_780_000_000_000_000)
