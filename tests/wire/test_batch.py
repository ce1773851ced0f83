"""Many small objects in one body."""

import struct
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.model.errors import InvalidInput
from holdfast.model.limits import BATCH_CHUNKS_MAX, BATCH_OBJECTS_MAX
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
    assert batch.decode_gets(memoryview(batch.encode(got)), len(got)) == got


@settings(max_examples=300, deadline=None, database=None)
@given(st.binary(max_size=30))
def test_any_other_body_is_refused(junk: bytes) -> None:
    for decode in (batch.decode_puts, lambda body: batch.decode_gets(body, 0)):
        try:
            assert isinstance(decode(junk), list)
        except InvalidInput as refused:
            assert "batch of objects" in refused.message  # noqa: PT017 - an empty batch is one


def test_a_record_without_its_checksum_field_is_refused() -> None:
    with pytest.raises(InvalidInput, match="not a batch"):
        batch.decode_puts(b"\x91\x93\xa1n\xc0\xc4\x00")


def array(count: int, elements: bytes) -> bytes:
    return b"\xdd" + struct.pack(">I", count) + elements


def refused(decode: Callable[[bytes], object], body: bytes) -> str:
    """The refusal of a body that would become fifty times its size; it takes less than the body itself."""
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput) as refusal:
            decode(body)
        assert tracemalloc.get_traced_memory()[1] < len(body)
    finally:
        tracemalloc.stop()
    return refusal.value.message


def test_a_batch_of_more_objects_than_a_batch_may_have_is_refused_before_it_is_decoded() -> None:
    record = b"\x94\xa0\xc0\xc0\xc0"
    said = refused(batch.decode_puts, array(200_000, record * 200_000))
    assert "holds 200000: at most 4096" in said
    within = [batch.PutRecord(f"{n}", None, None, None) for n in range(BATCH_OBJECTS_MAX)]
    assert batch.decode_puts(batch.encode(within)) == within
    for short in (b"\xdc\x10\x01", b"\xdc\x10", b"\xdd", b""):
        with pytest.raises(InvalidInput, match="batch of objects"):
            batch.decode_puts(short)


def test_an_answer_of_more_chunks_than_a_batch_may_have_is_refused_before_it_is_decoded() -> None:
    many = b"\x91" + array(200_000, b"\x92\x00\xc4\x00" * 200_000)
    assert "200000 chunks: at most 10000" in refused(lambda body: batch.decode_gets(body, 1), b"\x91" + many)
    halves = [batch.GetRecord([(n, b"") for n in range(BATCH_CHUNKS_MAX // 2)])] * 2
    assert batch.decode_gets(batch.encode(halves), 2) == halves
    with pytest.raises(InvalidInput, match="15000 chunks"):
        batch.decode_gets(batch.encode([*halves, halves[0]]), 3)


def test_an_answer_that_holds_another_number_of_objects_is_refused_before_it_is_decoded() -> None:
    assert "holds 200000: 2 were" in refused(lambda body: batch.decode_gets(body, 2), array(200_000, b"\x90" * 200_000))


@pytest.mark.parametrize("decode", [batch.decode_puts, lambda body: batch.decode_gets(body, 1)])
def test_a_batch_that_is_nested_too_deeply_is_refused(decode: Callable[[bytes], object]) -> None:
    for begin in (b"", b"\x91\x96\xa0\xc0\xc0\xc0\xc0", b"\x91\x93\x90\xc0"):
        with pytest.raises(InvalidInput, match="not a batch of objects"):
            decode(begin + b"\x91" * 100_000 + b"\xc0")
