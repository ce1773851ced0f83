"""Whatever arrives, the verifier answers with Denied and nothing else."""

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.model.errors import Denied
from holdfast.sigv4.verify import parse_authorization, payload_hash_declared, verify
from holdfast.wire.message import RequestHead
from tests.sigv4.signed_requests import EMPTY, NOW_US, SECRET, signed

WORDS = st.sampled_from(
    [
        b"AWS4-HMAC-SHA256 ", b"Credential=", b"SignedHeaders=", b"Signature=", b"/20260528/", b"eu-west-1/",
        b"backup-storage/", b"aws4_request", b", ", b";", b"host", b"x-amz-date", b"0" * 64, b"HFAK", b"\xff", b"=",
    ]
)  # fmt: skip
GARBAGE = st.one_of(st.binary(max_size=60), st.lists(WORDS, max_size=14).map(b"".join))
NAMES = st.sampled_from(
    [b"authorization", b"host", b"date", b"x-amz-date", b"x-amz-content-sha256", b"x-amz-security-token", b"a", b"\xff"]
)


def judge(head: RequestHead) -> bool:
    try:
        credential = parse_authorization(head)
        payload_hash = payload_hash_declared(head) or EMPTY
        verify(head, credential, SECRET, payload_hash, NOW_US)
    except Denied as denial:
        return not denial.message.isprintable()
    return True


@given(
    method=st.text(max_size=6),
    path=GARBAGE,
    query=GARBAGE,
    headers=st.lists(st.tuples(NAMES, GARBAGE), max_size=6),
)
@settings(max_examples=500, deadline=None)
def test_a_garbage_request_is_denied(
    method: str, path: bytes, query: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    assert not judge(RequestHead(method, path, query, tuple(headers)))


@given(at=st.integers(0, 3), value=GARBAGE, cut=st.integers(0, 300))
@settings(max_examples=500, deadline=None)
def test_a_good_request_with_one_header_spoilt_is_denied(at: int, value: bytes, cut: int) -> None:
    head = signed()
    name, good = head.headers[at]
    spoilt = good[:cut] + value
    if spoilt == good:
        return
    headers = (*head.headers[:at], (name, spoilt), *head.headers[at + 1 :])
    assert not judge(RequestHead(head.method, head.raw_path, head.raw_query, headers)) or spoilt.split() == good.split()


@given(path=st.binary(max_size=40), query=st.binary(max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_bytes_of_path_and_query_that_we_sign_are_let_through(path: bytes, query: bytes) -> None:
    head = signed(path=b"/" + path, query=query.replace(b"x-amz", b"").replace(b"X-Amz", b""))
    if b"x-amz-" not in head.raw_query.lower():
        assert judge(head)
