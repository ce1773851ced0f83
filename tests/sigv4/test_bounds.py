"""What a stranger sends costs little: bounds hold before the work that they bound."""

import re
import sys

import pytest

from holdfast.model.errors import HoldfastError
from holdfast.model.limits import QUERY_PAIRS_MAX, SIGNED_HEADERS_MAX
from holdfast.sigv4 import authorization, canonical
from holdfast.wire.message import RequestHead
from tests.server.live import build_gateway
from tests.sigv4.signed_requests import signed


def calls_of_canonical(head: RequestHead) -> tuple[int, bytes]:
    """How many functions of `canonical` run until the gateway has answered `head`, and the answer."""
    gateway, calls = build_gateway(), 0

    def count(frame, event, _):
        nonlocal calls
        calls += event == "call" and frame.f_code.co_filename == canonical.__file__

    sys.setprofile(count)
    try:
        answer = gateway.admit(head)
    finally:
        sys.setprofile(None)
    return calls, bytes(answer.body)


def naming(names: list[bytes], head: RequestHead) -> RequestHead:
    """`head`, with these names in SignedHeaders."""
    headers = tuple(
        (name, re.sub(rb"SignedHeaders=[^,]*", b"SignedHeaders=" + b";".join(names), value))
        if name == b"authorization"
        else (name, value)
        for name, value in head.headers
    )
    return RequestHead(head.method, head.raw_path, head.raw_query, headers)


def test_a_head_with_thousands_of_query_pairs_is_refused_before_it_is_canonicalised():
    calls, answer = calls_of_canonical(signed("GET", b"/a//b", b"&".join([b"*"] * 30_000)))
    assert calls == 0
    assert b"the query has 30000 parameters: send at most 100" in answer


def test_a_head_with_thousands_of_signed_names_is_refused_before_they_are_looked_up():
    calls, answer = calls_of_canonical(naming([b"x%05d" % each for each in range(9000)], signed()))
    assert calls == 0
    assert b"SignedHeaders names 9000 headers: sign at most 100" in answer


def test_as_many_pairs_and_names_as_are_allowed_pass():
    pairs = b"&".join(b"p%d=1" % each for each in range(QUERY_PAIRS_MAX))
    more = tuple((b"x-amz-meta-%03d" % each, b"1") for each in range(SIGNED_HEADERS_MAX - 3))
    head = signed("GET", b"/", pairs, more)
    assert len(authorization.parse_authorization(head).signed_headers) == SIGNED_HEADERS_MAX
    with pytest.raises(HoldfastError, match="at most 100"):
        authorization.parse_authorization(signed("GET", b"/", pairs + b"&one=more"))


def test_long_lists_of_names_are_not_remembered():
    kept = authorization._usual_signed_headers.cache_info().currsize
    for each in range(10):
        authorization.parse_authorization(naming([b"host", b"x%d" % each + b"y" * 20_000], signed()))
    assert authorization._usual_signed_headers.cache_info().currsize == kept


@pytest.mark.parametrize(
    "path", [b"//a/./b//", b"/", b"//", b"/./.", b"/a/../..//b/.", b"/a//../b", b"/.a/..b/", b"/a/."]
)
def test_a_path_is_normalised_as_aws_does_it(path: bytes):
    kept: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            del kept[-1:]
        elif segment not in (b"", b"."):
            kept.append(segment)
    tail = b"/" if kept and path.endswith(b"/") else b""
    assert canonical.normalise_path(path) == b"/" + b"/".join(kept) + tail
