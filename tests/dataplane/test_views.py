"""What readers see: the view of a job, recovery points that never change, pages and filters."""

import pytest

from holdfast.catalog import backup_jobs
from holdfast.catalog.transaction import Tx
from holdfast.dataplane import object_pages
from holdfast.model.errors import InvalidInput, InvalidState, NotFound
from holdfast.model.purpose import Purpose
from tests.dataplane.rig import Rig


def test_a_job_sees_its_base_less_what_it_deleted_plus_what_it_completed(rig: Rig) -> None:
    first = rig.start()
    for name in "abc":
        rig.put(first, name, b"1")
    point = rig.commit(first)
    job = rig.start()
    assert rig.contents(job) == {"a": b"1", "b": b"1", "c": b"1"}
    rig.put(job, "b", b"2")
    rig.put(job, "d", b"2")
    rig.call("DeleteObject", BackupJobId=job, ObjectName="a")
    assert rig.contents(job) == {"b": b"2", "c": b"1", "d": b"2"}
    assert rig.contents(rig.restore(point)) == {"a": b"1", "b": b"1", "c": b"1"}
    second = rig.commit(job)
    assert rig.contents(rig.restore(second)) == {"b": b"2", "c": b"1", "d": b"2"}
    assert rig.contents(rig.restore(point)) == {"a": b"1", "b": b"1", "c": b"1"}


def test_a_commit_counts_the_objects_and_bytes_of_its_view(rig: Rig) -> None:
    first = rig.start()
    rig.put(first, "a", b"12345")
    rig.put(first, "b", b"123")
    assert rig.call("CommitBackupJob", BackupJobId=first) | {"RecoveryPointArn": 0} == {
        "RecoveryPointArn": 0,
        "ObjectCount": 2,
        "Bytes": 8,
    }
    second = rig.start()
    rig.put(second, "a", b"1")
    rig.call("DeleteObject", BackupJobId=second, ObjectName="b")
    rig.put(second, "c", b"22")
    answer = rig.call("CommitBackupJob", BackupJobId=second)
    assert (answer["ObjectCount"], answer["Bytes"]) == (2, 3)
    assert rig.call("CommitBackupJob", BackupJobId=second) == answer


def test_open_uploads_refuse_a_commit_unless_they_are_dropped(rig: Rig) -> None:
    job = rig.start()
    upload = rig.open_upload(job, "x")
    with pytest.raises(InvalidState, match="1 open upload"):
        rig.commit(job)
    rig.put(job, "y", b"the job goes on after the refusal")
    point = rig.commit(job, DropOpenUploads=True)
    assert rig.names(rig.restore(point)) == ["y"]
    with pytest.raises(InvalidState):
        rig.put_chunk(job, upload, 0, b"late")


def test_an_aborted_job_leaves_nothing_in_any_later_view(rig: Rig) -> None:
    first = rig.start()
    rig.put(first, "a", b"1")
    rig.commit(first)
    aborted = rig.start()
    rig.put(aborted, "a", b"2")
    rig.put(aborted, "b", b"2")
    rig.call("DeleteObject", BackupJobId=aborted, ObjectName="a")
    rig.abort(aborted)
    third = rig.start()
    assert rig.contents(third) == {"a": b"1"}
    rig.put(third, "c", b"3")
    assert rig.contents(rig.restore(rig.commit(third))) == {"a": b"1", "c": b"3"}
    with pytest.raises(NotFound):
        rig.names(aborted)


def test_names_are_listed_in_the_order_of_their_utf8_bytes(rig: Rig) -> None:
    names = ["a", "a-b", "a/b", "aa", "Z", "é", "e\u0301", "\ue000", "\U00010000", "~", " "]
    job = rig.start()
    for name in names:
        rig.put(job, name)
    assert rig.names(job) == sorted(names, key=str.encode)


@pytest.mark.parametrize("size", range(1, 9))
def test_pages_of_every_size_give_every_object_once(rig: Rig, size: int) -> None:
    job = rig.start()
    names = [f"d/{number}" for number in range(7)]
    for name in names:
        rig.put(job, name)
    assert rig.names(job, MaxResults=size) == names


def test_a_next_token_carries_the_filters_and_ignores_those_beside_it(rig: Rig) -> None:
    job = rig.start()
    for name in ["a/1", "b/1", "b/2", "b/3", "c/1"]:
        rig.put(job, name)
    first = rig.call("ListObjects", StorageJobId=job, StartingObjectPrefix="b/", MaxResults=1)
    rest = rig.call("ListObjects", StorageJobId=job, NextToken=first["NextToken"], StartingObjectPrefix="zzz")
    assert [entry["Name"] for entry in rest["ObjectList"]] == ["b/2", "b/3"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"StartingObjectName": "b"}, ["b", "b/1", "b/2", "c", "é", "\U0010ffff\U0010ffff"]),
        ({"StartingObjectName": "b/10"}, ["b/2", "c", "é", "\U0010ffff\U0010ffff"]),
        ({"StartingObjectPrefix": "b/"}, ["b/1", "b/2"]),
        ({"StartingObjectPrefix": "b/", "StartingObjectName": "b/2"}, ["b/2"]),
        ({"StartingObjectPrefix": "b/", "StartingObjectName": "c"}, []),
        ({"StartingObjectPrefix": "\U0010ffff"}, ["\U0010ffff\U0010ffff"]),
        ({"StartingObjectPrefix": "none"}, []),
    ],
)
def test_a_name_is_a_lower_bound_and_a_prefix_a_filter(
    rig: Rig, filters: dict[str, object], expected: list[str]
) -> None:
    job = rig.start()
    for name in ["a", "b", "b/1", "b/2", "c", "é", "\U0010ffff\U0010ffff"]:
        rig.put(job, name)
    assert rig.names(job, **filters) == expected


def test_time_filters_are_strict_and_inherited_objects_keep_their_time(rig: Rig) -> None:
    old_us = rig.clock.us + 1_000_000
    new_us = old_us + 1_000_000
    first = rig.start()
    rig.clock.us = old_us - 1
    rig.put(first, "old")
    rig.commit(first)
    job = rig.start()
    rig.clock.us = new_us - 1
    rig.put(job, "new")
    assert rig.names(job, CreatedBefore=new_us) == ["old"]
    assert rig.names(job, CreatedBefore=new_us + 1) == ["new", "old"]
    assert rig.names(job, CreatedAfter=old_us) == ["new"]
    assert rig.names(job, CreatedAfter=old_us - 1) == ["new", "old"]


@pytest.mark.parametrize("size", [0, 101, -1])
def test_a_page_size_out_of_range_is_refused(rig: Rig, size: int) -> None:
    job = rig.start()
    rig.put(job, "x", b"")
    with pytest.raises(InvalidInput, match="MaxResults"):
        rig.call("ListObjects", StorageJobId=job, MaxResults=size)
    with pytest.raises(InvalidInput, match="MaxResults"):
        rig.call("ListChunks", StorageJobId=job, ObjectToken=rig.token_of(job, "x"), MaxResults=size)


def test_chunks_are_paged_in_ascending_index(rig: Rig) -> None:
    job = rig.start()
    upload = rig.open_upload(job, "big")
    indexes = [0, 5, 6, 900, 2**40]
    for index in reversed(indexes):
        rig.put_chunk(job, upload, index, str(index).encode())
    rig.complete(job, upload, *(str(index).encode() for index in indexes))
    token = rig.token_of(job, "big")
    seen: list[int] = []
    more: dict[str, object] = {}
    while True:
        page = rig.call("ListChunks", StorageJobId=job, ObjectToken=token, MaxResults=2, **more)
        seen += [chunk["Index"] for chunk in page["ChunkList"]]  # type: ignore[attr-defined]
        if page["NextToken"] is None:
            break
        more = {"NextToken": page["NextToken"]}
    assert seen == indexes


def test_tokens_serve_only_their_job_and_kind(rig: Rig) -> None:
    job, other = rig.start("one"), rig.start("two")
    rig.put(job, "x", b"data")
    rig.put(other, "x", b"data")
    token = rig.token_of(job, "x")
    (chunk,) = rig.call("ListChunks", StorageJobId=job, ObjectToken=token)["ChunkList"]  # type: ignore[misc, str-unpack]
    with pytest.raises(InvalidInput):
        rig.call("ListChunks", StorageJobId=other, ObjectToken=token)
    with pytest.raises(InvalidInput):
        rig.call("GetChunk", StorageJobId=job, ChunkToken=token)
    with pytest.raises(InvalidInput):
        rig.call("GetChunk", StorageJobId=other, ChunkToken=chunk["ChunkToken"])
    for position in range(0, len(chunk["ChunkToken"]), 3):
        forged = list(chunk["ChunkToken"])
        forged[position] = "A" if forged[position] != "A" else "B"
        with pytest.raises(InvalidInput):
            rig.call("GetChunk", StorageJobId=job, ChunkToken="".join(forged))


def test_a_replaced_object_can_no_longer_be_read_by_its_token(rig: Rig) -> None:
    job = rig.start()
    rig.put(job, "x", b"old")
    token = rig.token_of(job, "x")
    rig.put(job, "x", b"new")
    with pytest.raises(NotFound):
        rig.call("ListChunks", StorageJobId=job, ObjectToken=token)


@pytest.mark.parametrize("job_id", ["\0", "no\0job", "no-job"])
def test_a_job_that_cannot_be_is_nobodys_trouble_but_the_callers(rig: Rig, job_id: str) -> None:
    with pytest.raises((NotFound, InvalidInput)):
        rig.names(job_id)

    def start(tx: Tx) -> object:
        return backup_jobs.find(tx, job_id)

    # In one transaction with what somebody else asks for.
    *others, asked = rig.catalog.run([lambda tx: 1, lambda tx: 2, start], Purpose.ADD)
    assert [other.value for other in others] == [1, 2]
    assert asked.value is None


def test_a_page_that_leaves_nearly_everything_out_looks_at_a_bounded_number_of_objects(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = rig.start()
    rig.put_together(job, {f"old{n:02}": b"" for n in range(20)})
    between = rig.clock.now_us()
    rig.put_together(job, {"new": b"", "old15/new": b"", "old15": b"", "z": b""})
    monkeypatch.setattr(object_pages, "PAGE_LOOKS_MAX", 3)
    pages: list[list[str]] = []
    token: dict[str, object] = {}
    while True:
        page = rig.call("ListObjects", StorageJobId=job, CreatedAfter=between, MaxResults=2, **token)
        pages.append([entry["Name"] for entry in page["ObjectList"]])  # type: ignore[attr-defined]
        if page["NextToken"] is None:
            break
        token = {"NextToken": page["NextToken"]}
    assert [name for names in pages for name in names] == ["new", "old15", "old15/new", "z"]
    assert pages[1] == []
    # Without times nothing is left out, and pages are full.
    assert len(rig.call("ListObjects", StorageJobId=job, MaxResults=10)["ObjectList"]) == 10  # type: ignore[arg-type]


def test_a_batch_of_objects_is_read_as_it_was_written(rig: Rig) -> None:
    from holdfast.model import checksum
    from holdfast.wire.batch import GetRecord, PutRecord, decode_gets, encode

    job = rig.start()
    records = [
        PutRecord("a", "m", b"data", checksum.digest(b"data"), b"blob"),
        PutRecord("b", None, None, None),
        PutRecord("c", None, b"", checksum.digest(b"")),
        PutRecord("d", None, b"data", checksum.digest(b"data")),
    ]
    assert rig.call("PutObjects", BackupJobId=job, Objects=encode(records)) == {"Count": 4}
    page = rig.call("ScanObjects", StorageJobId=job)["ObjectList"]
    tokens = [entry["ObjectToken"] for entry in page]  # type: ignore[attr-defined]
    body = rig.call("GetObjects", StorageJobId=job, ObjectTokens=tokens)["Objects"]
    assert decode_gets(body, 4) == [  # type: ignore[arg-type]
        GetRecord([(0, b"data")], b"blob"),
        GetRecord([], None),
        GetRecord([(0, b"")], None),
        GetRecord([(0, b"data")], None),
    ]


def test_one_bad_record_refuses_the_whole_batch(rig: Rig) -> None:
    from holdfast.model import checksum
    from holdfast.wire.batch import PutRecord, encode

    job = rig.start()
    good, bad = PutRecord("a", None, b"1", checksum.digest(b"1")), PutRecord("b", None, b"2", checksum.digest(b"3"))
    with pytest.raises(InvalidInput, match="'b'"):
        rig.call("PutObjects", BackupJobId=job, Objects=encode([good, bad]))
    assert rig.names(job) == []
