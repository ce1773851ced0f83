"""Skipping what is known: only for chunks that the caller has shown to possess (contract 3.12)."""

from tests.dataplane.rig import Rig, sha


def test_a_chunk_sent_in_this_job_need_not_be_sent_again(rig: Rig) -> None:
    job = rig.start()
    upload = rig.open_upload(job, "x")
    assert rig.early(**rig.chunk_params(job, upload, 0, b"data")) is None
    rig.put_chunk(job, upload, 0, b"data")
    answer = rig.early(**rig.chunk_params(job, upload, 1, b"data"))
    assert answer is not None and answer["ChunkChecksum"] == sha(b"data")
    rig.complete(job, upload, b"data", b"data")
    assert rig.chunks(job, "x") == [(0, b"data"), (1, b"data")]


def test_a_chunk_of_the_base_need_not_be_sent(rig: Rig) -> None:
    first = rig.start()
    rig.put(first, "x", b"data")
    rig.commit(first)
    job = rig.start()
    upload = rig.open_upload(job, "y")
    assert rig.early(**rig.chunk_params(job, upload, 0, b"data")) is not None
    rig.complete(job, upload, b"data")
    assert rig.contents(job) == {"x": b"data", "y": b"data"}


def test_knowing_a_checksum_is_not_possessing_the_chunk(rig: Rig) -> None:
    rig.vault("other")
    secret = rig.start("somebody")
    rig.put(secret, "x", b"secret")
    elsewhere = rig.start("home", "other")
    rig.put(elsewhere, "x", b"elsewhere")
    job = rig.start("home")
    upload = rig.open_upload(job, "y")
    for data in (b"secret", b"elsewhere", b"nowhere"):
        assert rig.early(**rig.chunk_params(job, upload, 0, data)) is None


def test_a_chunk_of_a_deleted_or_aborted_past_is_not_possessed(rig: Rig) -> None:
    first = rig.start()
    rig.put(first, "gone", b"gone")
    rig.put(first, "kept", b"kept")
    rig.commit(first)
    second = rig.start()
    rig.call("DeleteObject", BackupJobId=second, ObjectName="gone")
    rig.commit(second)
    aborted = rig.start()
    rig.put(aborted, "z", b"aborted")
    rig.abort(aborted)
    job = rig.start()
    upload = rig.open_upload(job, "y")
    assert rig.early(**rig.chunk_params(job, upload, 0, b"gone")) is None
    assert rig.early(**rig.chunk_params(job, upload, 0, b"aborted")) is None
    assert rig.early(**rig.chunk_params(job, upload, 0, b"kept")) is not None


def test_a_wrong_length_is_never_skipped(rig: Rig) -> None:
    job = rig.start()
    upload = rig.open_upload(job, "x")
    rig.put_chunk(job, upload, 0, b"data")
    params = rig.chunk_params(job, upload, 1, b"data") | {"Length": 5}
    assert rig.early(**params) is None


def test_a_chunk_whose_frame_is_bad_must_be_sent(rig: Rig) -> None:
    job = rig.start()
    upload = rig.open_upload(job, "x")
    rig.put_chunk(job, upload, 0, b"data")
    assert rig.early(**rig.chunk_params(job, upload, 1, b"data")) is not None
    rig.commits.submit((), lambda tx, _: tx.run("UPDATE chunks SET bad = 1"))
    assert rig.early(**rig.chunk_params(job, upload, 2, b"data")) is None
    rig.put_chunk(job, upload, 2, b"data")
    assert rig.early(**rig.chunk_params(job, upload, 3, b"data")) is not None
