"""Garbage in parameters and bodies is refused with an error of ours, or ignored; nothing else happens."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.model.errors import HoldfastError
from holdfast.wire.message import RequestHead
from holdfast.wire.parse import parse_body, parse_head
from holdfast.wire.specs import Operation
from tests.wire.boto import SERVICES

keys = st.sampled_from([key for operation in SERVICES.operations for key in operation.query])
values = st.binary(max_size=12) | st.sampled_from(
    [b"1", b"true", b"SHA256", b"%", b"%ff", b"2015-01-01T00:00:00Z", b"-0"]
)
queries = st.lists(st.tuples(keys, values).map(b"=".join) | st.binary(max_size=10), max_size=4).map(b"&".join)
member_names = st.sampled_from([name for operation in SERVICES.operations for name in operation.input.members])
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(member_names | st.text(max_size=3), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=800, deadline=None, database=None)
@given(st.sampled_from(SERVICES.operations), queries, st.text(max_size=5))
def test_no_query_whatever_is_more_than_refused(operation: Operation, raw: bytes, label: str) -> None:
    labels = {name: label for name, member in operation.input.members.items() if member.location == "uri"}
    try:
        params = parse_head(operation, labels, RequestHead(operation.method, b"/", raw, ()))
    except HoldfastError as refused:
        assert refused.message.encode()  # noqa: PT017 - being accepted is right as well
    else:
        assert params.keys() <= operation.input.members.keys()


@settings(max_examples=800, deadline=None, database=None)
@given(st.sampled_from([each for each in SERVICES.operations if each.body == "json"]), documents, st.binary(max_size=9))
def test_no_body_whatever_is_more_than_refused(operation: Operation, document: object, junk: bytes) -> None:
    for raw in (
        json.dumps(document).encode(),
        junk,
        json.dumps(dict.fromkeys(operation.input.members, document)).encode(),
    ):
        params: dict[str, object] = {}
        try:
            parse_body(operation, params, raw)
        except HoldfastError as refused:
            assert refused.message.encode("utf-8", "backslashreplace")  # noqa: PT017 - being accepted is right as well
        assert params.keys() <= operation.input.members.keys()
