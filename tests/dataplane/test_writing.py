"""StartObject, PutChunk, NotifyObjectComplete, PutObject and DeleteObject: the rules of writing."""

import hashlib
import os

import pytest

from holdfast.model import checksum
from holdfast.model.errors import (
    ChecksumMismatch,
    DataExists,
    InvalidInput,
    InvalidState,
    NotFound,
    UnreadableBody,
)
from tests.dataplane.rig import Rig, sha, summary


def test_an_object_put_in_one_request_is_in_the_view_of_its_job_at_once(rig: Rig) -> None:
    job = rig.start()
    answer = rig.put(job, "a/b", b"hello", MetadataString="kind=file")
    assert answer["InlineChunkChecksum"] == sha(b"hello")
    assert answer["ObjectChecksum"] == checksum.encode(hashlib.sha256(hashlib.sha256(b"hello").digest()).digest())
    assert rig.contents(job) == {"a/b": b"hello"}


def test_an_object_without_chunk_is_answered_with_the_checksums_of_nothing(rig: Rig) -> None:
    job = rig.start()
    answer = rig.put(job, "empty")
    assert answer == {
        "InlineChunkChecksum": sha(b""),
        "InlineChunkChecksumAlgorithm": "SHA256",
        "ObjectChecksum": sha(b""),
        "ObjectChecksumAlgorithm": "SUMMARY",
    }
    assert rig.chunks(job, "empty") == []


def test_a_chunk_of_no_bytes_is_a_chunk(rig: Rig) -> None:
    job = rig.start()
    assert rig.put(job, "zero", b"")["InlineChunkChecksum"] == sha(b"")
    assert rig.chunks(job, "zero") == [(0, b"")]


def test_chunks_may_come_in_any_order_and_with_gaps(rig: Rig) -> None:
    job = rig.start()
    upload = rig.open_upload(job, "big")
    rig.put_chunk(job, upload, 2**63 - 1, b"last")
    rig.put_chunk(job, upload, 7, b"middle")
    rig.put_chunk(job, upload, 0, b"first")
    rig.complete(job, upload, b"first", b"middle", b"last")
    assert rig.chunks(job, "big") == [(0, b"first"), (7, b"middle"), (2**63 - 1, b"last")]


def test_the_same_chunk_again_is_the_same_answer(rig: Rig) -> None:
    job = rig.start()
    upload = rig.open_upload(job, "big")
    assert rig.put_chunk(job, upload, 3, b"data") == rig.put_chunk(job, upload, 3, b"data")
    rig.complete(job, upload, b"data")
    assert rig.put_chunk(job, upload, 3, b"data")["ChunkChecksum"] == sha(b"data")


def test_other_data_at_the_same_index_is_refused_with_the_stored_checksum(rig: Rig) -> None:
    job = rig.start()
    upload = rig.open_upload(job, "big")
    rig.put_chunk(job, upload, 3, b"data")
    with pytest.raises(DataExists) as refused:
        rig.put_chunk(job, upload, 3, b"other")
    assert (refused.value.checksum, refused.value.checksum_algorithm) == (sha(b"data"), "SHA256")


@pytest.mark.parametrize("index", [-1, -(2**63)])
def test_a_negative_index_is_refused(rig: Rig, index: int) -> None:
    job = rig.start()
    upload = rig.open_upload(job, "big")
    with pytest.raises(InvalidInput, match="ChunkIndex"):
        rig.put_chunk(job, upload, index, b"data")


def test_bytes_that_do_not_have_the_declared_checksum_are_refused(rig: Rig) -> None:
    job = rig.start()
    upload = rig.open_upload(job, "big")
    wrong = rig.chunk_params(job, upload, 0, b"data") | {"Checksum": sha(b"date")}
    with pytest.raises(ChecksumMismatch):
        rig.call("PutChunk", Data=b"data", **wrong)
    with pytest.raises(ChecksumMismatch):
        rig.put(job, "x", b"data", InlineChunkChecksum=sha(b"date"))
    with pytest.raises(ChecksumMismatch):
        rig.put(job, "x", b"data", ObjectChecksum=summary(b"date"))


def test_a_body_that_is_not_as_long_as_declared_is_refused(rig: Rig) -> None:
    job = rig.start()
    upload = rig.open_upload(job, "big")
    params = rig.chunk_params(job, upload, 0, b"data")
    with pytest.raises(UnreadableBody):
        rig.call("PutChunk", Data=b"dat", **params)
    with pytest.raises(InvalidInput):
        rig.call("PutChunk", Data=b"data!", **params)


def test_a_chunk_beyond_the_limit_is_refused_with_the_limit(rig: Rig) -> None:
    job = rig.start()
    with pytest.raises(InvalidInput, match=str(16 * 1024 * 1024)):
        rig.put(job, "x", bytes(16 * 1024 * 1024 + 1))


def test_completion_verifies_the_summary_over_all_chunks(rig: Rig) -> None:
    job = rig.start()
    upload = rig.open_upload(job, "big")
    rig.put_chunk(job, upload, 0, b"a")
    with pytest.raises(ChecksumMismatch):
        rig.complete(job, upload, b"a", b"b")
    assert rig.names(job) == []
    rig.put_chunk(job, upload, 1, b"b")
    rig.complete(job, upload, b"a", b"b")
    assert rig.names(job) == ["big"]


def test_completion_again_is_accepted_with_the_same_checksum_only(rig: Rig) -> None:
    job = rig.start()
    upload = rig.open_upload(job, "big")
    rig.put_chunk(job, upload, 0, b"a")
    rig.complete(job, upload, b"a")
    assert rig.complete(job, upload, b"a")["ObjectChecksum"] == summary(b"a")
    with pytest.raises(DataExists) as refused:
        rig.complete(job, upload, b"b")
    assert refused.value.checksum == summary(b"a")


def test_a_completed_upload_takes_no_more_chunks(rig: Rig) -> None:
    job = rig.start()
    upload = rig.open_upload(job, "big")
    rig.complete(job, upload)
    with pytest.raises(InvalidState):
        rig.put_chunk(job, upload, 0, b"late")


def test_the_last_completed_object_of_a_name_wins(rig: Rig) -> None:
    job = rig.start()
    first, second = rig.open_upload(job, "x"), rig.open_upload(job, "x")
    rig.put_chunk(job, second, 0, b"two")
    rig.complete(job, second, b"two")
    rig.put_chunk(job, first, 0, b"one")
    rig.complete(job, first, b"one")
    assert rig.contents(job) == {"x": b"one"}
    rig.put(job, "x", b"three")
    assert rig.contents(job) == {"x": b"three"}


def test_metadata_string_and_blob_come_back_as_they_were_given(rig: Rig) -> None:
    job = rig.start()
    upload = rig.open_upload(job, "x")
    blob = os.urandom(5000)
    rig.complete(job, upload, MetadataString="größe=1", MetadataBlob=blob, MetadataBlobChecksum=sha(blob))
    answer = rig.call("GetObjectMetadata", StorageJobId=job, ObjectToken=rig.token_of(job, "x"))
    assert (answer["MetadataString"], answer["MetadataBlob"]) == ("größe=1", blob)
    assert (answer["MetadataBlobLength"], answer["MetadataBlobChecksum"]) == (5000, sha(blob))


def test_an_empty_metadata_blob_differs_from_none(rig: Rig) -> None:
    job = rig.start()
    rig.complete(job, rig.open_upload(job, "none"))
    rig.complete(job, rig.open_upload(job, "empty"), MetadataBlob=b"", MetadataBlobLength=0)
    none = rig.call("GetObjectMetadata", StorageJobId=job, ObjectToken=rig.token_of(job, "none"))
    empty = rig.call("GetObjectMetadata", StorageJobId=job, ObjectToken=rig.token_of(job, "empty"))
    assert "MetadataBlob" not in none
    assert (empty["MetadataBlob"], empty["MetadataBlobLength"]) == (b"", 0)


@pytest.mark.parametrize("text", ["", "x" * 257, "é" * 129, "a\nb", "a\x7fb", "a\x85b"])
def test_a_metadata_string_that_no_header_can_carry_is_refused(rig: Rig, text: str) -> None:
    job = rig.start()
    with pytest.raises(InvalidInput, match="MetadataString"):
        rig.put(job, "x", b"", MetadataString=text)


@pytest.mark.parametrize("name", ["", ".", "..", "a\0b", "a\nb", "\x7f", "n" * 4097, "é" * 2049])
def test_a_name_that_is_none_is_refused(rig: Rig, name: str) -> None:
    job = rig.start()
    for operation in ("PutObject", "StartObject", "DeleteObject"):
        with pytest.raises(InvalidInput, match="ObjectName"):
            rig.call(operation, BackupJobId=job, ObjectName=name)


@pytest.mark.parametrize(
    "name", ["a/../b", "...", "/", "//", " ", "n" * 4096, "é", "e\u0301", "\U0010ffff", "a\\b%2F+~"]
)
def test_a_strange_name_is_kept_to_the_letter(rig: Rig, name: str) -> None:
    job = rig.start()
    rig.put(job, name, b"x")
    assert rig.names(job) == [name]


def test_throw_on_duplicate_looks_at_the_view_at_both_ends(rig: Rig) -> None:
    job = rig.start()
    upload = rig.open_upload(job, "x", ThrowOnDuplicate=True)
    rig.put(job, "x", b"first")
    with pytest.raises(DataExists) as at_the_end:
        rig.complete(job, upload)
    assert at_the_end.value.checksum == summary(b"first")
    with pytest.raises(DataExists):
        rig.open_upload(job, "x", ThrowOnDuplicate=True)
    with pytest.raises(DataExists):
        rig.put(job, "x", b"second", ThrowOnDuplicate=True)
    assert rig.contents(job) == {"x": b"first"}
    rig.commit(job, DropOpenUploads=True)
    following = rig.start()
    with pytest.raises(DataExists):
        rig.put(following, "x", b"second", ThrowOnDuplicate=True)
    rig.call("DeleteObject", BackupJobId=following, ObjectName="x")
    rig.put(following, "x", b"second", ThrowOnDuplicate=True)


def test_deleting_is_for_names_in_the_view_and_for_those_deleted_before(rig: Rig) -> None:
    job = rig.start()
    with pytest.raises(NotFound):
        rig.call("DeleteObject", BackupJobId=job, ObjectName="x")
    rig.put(job, "x", b"new")
    rig.call("DeleteObject", BackupJobId=job, ObjectName="x")
    rig.call("DeleteObject", BackupJobId=job, ObjectName="x")
    assert rig.names(job) == []


def test_deleting_an_object_that_replaced_an_inherited_one_removes_both(rig: Rig) -> None:
    first = rig.start()
    rig.put(first, "x", b"old")
    rig.commit(first)
    job = rig.start()
    rig.put(job, "x", b"new")
    rig.call("DeleteObject", BackupJobId=job, ObjectName="x")
    assert rig.names(job) == []
    assert rig.names(rig.restore(rig.commit(job))) == []


def test_deleting_many_counts_what_was_there(rig: Rig) -> None:
    job = rig.start()
    for name in "abc":
        rig.put(job, name, b"")
    assert rig.call("DeleteObjects", BackupJobId=job, ObjectNames=["a", "c", "none"]) == {"Count": 2}
    assert rig.names(job) == ["b"]


def test_an_unknown_job_and_a_foreign_upload_are_refused(rig: Rig) -> None:
    job, other = rig.start("one"), rig.start("two")
    upload = rig.open_upload(job, "x")
    with pytest.raises(NotFound):
        rig.put("no-such-job", "x", b"")
    with pytest.raises(InvalidInput, match="UploadId"):
        rig.put_chunk(other, upload, 0, b"data")
    with pytest.raises(InvalidInput, match="UploadId"):
        rig.put_chunk(job, rig.token_of(job, "x") if rig.names(job) else upload[:-2] + "AA", 0, b"data")


def test_an_ended_job_cannot_be_written_to(rig: Rig) -> None:
    aborted, committed = rig.start("one"), rig.start("two")
    upload = rig.open_upload(aborted, "x")
    rig.abort(aborted)
    rig.commit(committed)
    for job in (aborted, committed):
        with pytest.raises(InvalidState):
            rig.put(job, "x", b"")
    with pytest.raises(InvalidState):
        rig.put_chunk(aborted, upload, 0, b"data")


def test_a_job_whose_lease_is_over_cannot_be_written_to(rig: Rig) -> None:
    job = rig.start()
    rig.clock.us += 3600 * 1_000_000 - 10
    rig.put(job, "x", b"in time")
    rig.clock.us += 3600 * 1_000_000 - 10
    rig.put(job, "y", b"the write before renewed the lease")
    rig.clock.us += 3601 * 1_000_000
    with pytest.raises(InvalidState, match="EXPIRED"):
        rig.put(job, "z", b"too late")
