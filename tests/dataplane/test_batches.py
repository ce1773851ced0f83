"""What one GetObjects may ask for: each object once, within a budget of bytes and of chunks."""

from typing import cast

import pytest

from holdfast.catalog import chunk_index
from holdfast.model import checksum
from holdfast.model.errors import InvalidInput
from holdfast.model.limits import BATCH_CHUNKS_MAX
from holdfast.wire.batch import PutRecord, encode
from tests.dataplane.rig import Rig


def tokens(rig: Rig, job: str) -> list[str]:
    page = cast(list[dict[str, str]], rig.call("ScanObjects", StorageJobId=job)["ObjectList"])
    return [entry["ObjectToken"] for entry in page]


def test_an_object_that_is_asked_for_twice_in_one_batch_is_refused(rig: Rig) -> None:
    job = rig.start()
    rig.put_together(job, {"a": b"1", "b": b"2"})
    one, other = tokens(rig, job)
    with pytest.raises(InvalidInput, match=r"ObjectTokens\[2\] is of the same object as ObjectTokens\[0\]"):
        rig.call("GetObjects", StorageJobId=job, ObjectTokens=[one, other, one])
    assert rig.call("GetObjects", StorageJobId=job, ObjectTokens=[other, one])["Objects"]


def test_more_chunks_than_a_batch_may_have_are_refused_before_one_is_read(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = rig.start()
    digest = checksum.digest(b"a")
    rig.call("PutObjects", BackupJobId=job, Objects=encode([PutRecord(name, None, b"a", digest) for name in "abc"]))
    half = BATCH_CHUNKS_MAX // 2
    rig.commits.submit((), lambda tx, _: tx.run("UPDATE objects SET chunk_count = :half", {"half": half}))
    asked = tokens(rig, job)
    assert rig.call("GetObjects", StorageJobId=job, ObjectTokens=asked[:2])["Objects"]
    monkeypatch.setattr(chunk_index, "of_objects", None)
    with pytest.raises(InvalidInput, match=f"the batch has {3 * half} chunks: at most {BATCH_CHUNKS_MAX} .* fewer"):
        rig.call("GetObjects", StorageJobId=job, ObjectTokens=asked)
