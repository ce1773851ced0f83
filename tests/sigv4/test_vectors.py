"""AWS's own Signature Version 4 test suite, against the verifier and its parts.

The suite is not part of this repository. It is looked for in HOLDFAST_SIGV4_VECTORS, else in ../shared/sigv4-vectors
beside it. Which cases a server cannot see, and why, is told in docs/design/sigv4.md.
"""

import hashlib
import os
import re
from pathlib import Path

import pytest

from holdfast.model.errors import Denied
from holdfast.sigv4 import canonical, signature
from holdfast.sigv4.verify import parse_authorization, verify
from holdfast.wire.message import RequestHead

ROOT = Path(
    os.environ.get("HOLDFAST_SIGV4_VECTORS") or Path(__file__).resolve().parents[2].parent / "shared" / "sigv4-vectors"
)
CASES = sorted(path.with_suffix("") for path in ROOT.rglob("*.sreq"))
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
NOW_US = 1_440_938_160_000_000  # 2015-08-30T12:36:00Z, when all of the suite was signed
REFUSED = {"post-sts-header-after"}

pytestmark = pytest.mark.skipif(
    not CASES,
    reason=f"the AWS SigV4 test suite is not in {ROOT}: name its directory in HOLDFAST_SIGV4_VECTORS to run it",
)


def read(case: Path, kind: str) -> bytes:
    return case.with_suffix("." + kind).read_bytes().replace(b"\r\n", b"\n")


def request(case: Path) -> tuple[RequestHead, bytes]:
    top, _, body = read(case, "sreq").partition(b"\n\n")
    # RFC 9112 section 5.2: a server that takes folded lines at all replaces the fold by white space before it looks.
    line, *fields = re.sub(rb"\n[ \t]+", b" ", top).strip(b"\n").split(b"\n")
    method, _, target = line.removesuffix(b" HTTP/1.1").partition(b" ")
    path, _, query = target.partition(b"?")
    headers = [(name.lower(), value.strip()) for name, _, value in (field.partition(b":") for field in fields)]
    # The suite's word on the signature is the .authz file; in one case the copy in .sreq was left behind by an edit.
    headers = [pair for pair in headers if pair[0] != b"authorization"]
    headers.append((b"authorization", read(case, "authz").strip()))
    return RequestHead(method.decode(), path, query, tuple(headers)), body


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_of_the_suite_is_let_through(case: Path) -> None:
    head, body = request(case)
    credential = parse_authorization(head)
    if case.name in REFUSED:
        with pytest.raises(Denied, match="x-amz-security-token is not signed"):
            verify(head, credential, SECRET, hashlib.sha256(body).hexdigest(), NOW_US)
        return
    verify(head, credential, SECRET, hashlib.sha256(body).hexdigest(), NOW_US)
    with pytest.raises(Denied):
        verify(head, credential, SECRET, hashlib.sha256(body + b"x").hexdigest(), NOW_US)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_of_the_suite_has_the_canonical_request_and_string_to_sign_of_the_suite(case: Path) -> None:
    head, body = request(case)
    credential = parse_authorization(head)
    block = canonical.header_block(head.headers, credential.signed_headers)
    assert block is not None
    payload = hashlib.sha256(body).hexdigest().encode()
    built = [
        canonical.canonical_request(
            head.method.encode(), path, query, block, b";".join(credential.signed_headers), payload
        )
        for path in canonical.path_candidates(head.raw_path)
        for query in canonical.query_candidates(head.raw_query)
    ]
    expected = read(case, "creq")
    assert expected in built
    scope = f"{credential.date}/{credential.region}/{credential.service}/aws4_request".encode()
    to_sign = signature.string_to_sign(b"20150830T123600Z", scope, expected)
    assert to_sign == read(case, "sts")
    key = signature.signing_key(SECRET, credential.date, credential.region, credential.service)
    assert signature.signature(key, to_sign) == credential.signature


def test_the_suite_is_whole() -> None:
    assert len(CASES) >= 34
