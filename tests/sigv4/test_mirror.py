"""In a mirror: botocore signs and we verify; we sign and botocore computes the same signature."""

import datetime
import hashlib
from urllib.parse import quote, urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.model.errors import Denied
from holdfast.sigv4.verify import parse_authorization, verify
from holdfast.wire.message import RequestHead
from tests.sigv4.signed_requests import EMPTY, KEY_ID, NOW_US, SECRET, signed

NAMES = [
    "a", "a/b", "a b", "a+b", "a%b", "a%2Fb", "~", "*", "'", "(x)", "!", "$&,;=:@", "é", "日本語", "\U0001f600",
    "e\u0301", "x/complete", "x/put-object", "a//b", "a/../b", "...", "..a", "a\\b", "#?", "[x]{y}", '^`|"<>',
    "a\tb", "\x7f",
]  # fmt: skip


class Fixed(botocore.auth.SigV4Auth):
    """botocore's own signer, at a time of our choosing."""

    unsigned = False

    def add_auth(self, request: AWSRequest) -> None:
        request.context["timestamp"] = "20260528T202640Z"
        request.context["payload_signing_enabled"] = not self.unsigned
        self._modify_request_before_signing(request)
        canonical_request = self.canonical_request(request)
        string_to_sign = self.string_to_sign(request, canonical_request)
        self._inject_signature_to_request(request, self.signature(string_to_sign, request))

    def _modify_request_before_signing(self, request: AWSRequest) -> None:
        del request.headers["Authorization"]
        del request.headers["X-Amz-Date"]
        request.headers["X-Amz-Date"] = request.context["timestamp"]
        if self.unsigned:
            request.headers["X-Amz-Content-SHA256"] = "UNSIGNED-PAYLOAD"
        if self.credentials.token:
            request.headers["X-Amz-Security-Token"] = self.credentials.token


def signed_by_botocore(
    method: str, url: str, body: bytes, *, unsigned: bool, token: str | None = None, service: str = "backup-storage"
) -> RequestHead:
    request = AWSRequest(method, url, data=body, headers={"Content-Type": "application/json"})
    signer = Fixed(Credentials(KEY_ID, SECRET, token), service, "eu-west-1")
    signer.unsigned = unsigned
    signer.add_auth(request)
    parts = urlsplit(url)
    pairs = [(name.lower().encode(), str(value).encode()) for name, value in request.headers.items()]
    headers = ((b"host", parts.netloc.encode()), *pairs)
    return RequestHead(method, parts.path.encode(), parts.query.encode(), headers)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("unsigned", [True, False])
def test_what_botocore_signs_is_let_through(name: str, unsigned: bool) -> None:
    body = b"{}"
    url = (
        f"http://127.0.0.1:9220/backup-jobs/j-1/object/{quote(name, safe='')}/put-object"
        f"?metadata-string={quote(name, safe='')}&length=3&checksum=abc%3D&checksum-algorithm=SHA256"
    )
    payload_hash = "UNSIGNED-PAYLOAD" if unsigned else hashlib.sha256(body).hexdigest()
    for token in (None, "to/ken+=="):
        head = signed_by_botocore("PUT", url, body, unsigned=unsigned, token=token)
        verify(head, parse_authorization(head), SECRET, payload_hash, NOW_US)
        with pytest.raises(Denied):
            verify(head, parse_authorization(head), SECRET, "0" * 64, NOW_US)


@pytest.mark.parametrize("path", ["/a/../b", "/./a", "/a/..", "//a//b/", "/a/./", "/..", "/"])
def test_a_path_that_botocore_normalises_before_it_signs_is_let_through(path: str) -> None:
    head = signed_by_botocore("GET", "http://127.0.0.1:9220" + path, b"", unsigned=False)
    verify(head, parse_authorization(head), SECRET, EMPTY, NOW_US)


def test_a_request_that_botocore_dates_by_date_alone_is_let_through() -> None:
    request = AWSRequest("GET", "http://127.0.0.1:9220/backup-vaults/", data=b"")
    request.headers["Date"] = "Thu, 28 May 2026 20:26:40 GMT"
    request.context["timestamp"] = "20260528T202640Z"
    request.context["signing"] = {}
    theirs = botocore.auth.SigV4Auth(Credentials(KEY_ID, SECRET), "backup", "eu-west-1")
    to_sign = theirs.string_to_sign(request, theirs.canonical_request(request))
    theirs._inject_signature_to_request(request, theirs.signature(to_sign, request))
    pairs = [(name.lower().encode(), str(value).encode()) for name, value in request.headers.items()]
    head = RequestHead("GET", b"/backup-vaults/", b"", ((b"host", b"127.0.0.1:9220"), *pairs))
    assert b"x-amz-date" not in dict(head.headers)
    verify(head, parse_authorization(head), SECRET, EMPTY, NOW_US)


@given(name=st.text(min_size=1, max_size=30).filter(lambda text: text not in (".", "..")), unsigned=st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_name_that_botocore_signs_is_let_through(name: str, unsigned: bool) -> None:
    try:
        label = quote(name, safe="")
    except UnicodeEncodeError:
        return
    url = f"https://h.example/base/restore-jobs/{label}/objects/list?starting-object-name={label}&max-results=7"
    head = signed_by_botocore("GET", url, b"", unsigned=unsigned)
    verify(head, parse_authorization(head), SECRET, "UNSIGNED-PAYLOAD" if unsigned else EMPTY, NOW_US)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("token", [None, "to/ken+=="])
def test_what_we_sign_has_the_signature_that_botocore_computes(name: str, token: str | None) -> None:
    label = quote(name, safe="").encode()
    query = b"metadata-string=" + label + b"&length=3&checksum=abc%3D&checksum-algorithm=SHA256"
    head = signed("PUT", b"/backup-jobs/j/object/" + label, query, payload_hash=EMPTY, token=token)
    url = f"http://127.0.0.1:9220{head.raw_path.decode()}?{head.raw_query.decode()}"
    request = AWSRequest(head.method, url, data=b"")
    for name_, value in head.headers:
        if name_ not in (b"authorization", b"host"):
            request.headers[name_.decode()] = value.decode()
    request.context["timestamp"] = "20260528T202640Z"
    request.context["signing"] = {}
    theirs = botocore.auth.SigV4Auth(Credentials(KEY_ID, SECRET, token), "backup-storage", "eu-west-1")
    to_sign = theirs.string_to_sign(request, theirs.canonical_request(request))
    assert parse_authorization(head).signature == theirs.signature(to_sign, request)
    assert datetime.datetime.fromtimestamp(NOW_US // 1_000_000, datetime.UTC).strftime("%Y%m%dT%H%M%SZ") in to_sign
