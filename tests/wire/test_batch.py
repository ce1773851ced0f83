"""Many small objects in one body."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.model.errors import InvalidInput
from holdfast.wire import batch

blobs = st.none() | st.binary(max_size=20)
strings = st.none() | st.text(max_size=10)
puts = st.builds(batch.PutRecord, st.text(max_size=10), strings, blobs, blobs, blobs)
gets = st.builds(
    batch.GetRecord, st.lists(st.tuples(st.integers(0, 2**63 - 1), st.binary(max_size=9)), max_size=3), blobs
)


@settings(max_examples=100, deadline=None, database=None)
@given(st.lists(puts, max_size=4), st.lists(gets, max_size=4))
def test_records_come_out_as_they_went_in(put: list[batch.PutRecord], got: list[batch.GetRecord]) -> None:
    assert batch.decode_puts(batch.encode(put)) == put
    assert batch.decode_gets(memoryview(batch.encode(got))) == got


@settings(max_examples=300, deadline=None, database=None)
@given(st.binary(max_size=30))
def test_any_other_body_is_refused(junk: bytes) -> None:
    for decode in (batch.decode_puts, batch.decode_gets):
        try:
            assert isinstance(decode(junk), list)
        except InvalidInput as refused:
            assert "batch of objects" in refused.message  # noqa: PT017 - an empty batch is one


def test_a_record_without_its_checksum_field_is_refused() -> None:
    with pytest.raises(InvalidInput, match="not a batch"):
        batch.decode_puts(b"\x91\x93\xa1n\xc0\xc4\x00")
