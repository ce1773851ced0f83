"""Skipping what is known: only for chunks that the caller has shown to possess (contract 3.12)."""

from pathlib import Path

import apsw
import pytest

from holdfast.app.directory import CATALOG_NAME
from holdfast.catalog import chunk_index
from holdfast.catalog.objects import View
from holdfast.catalog.sqlite_tx import SqliteTx
from holdfast.dataplane import job_refs
from holdfast.model import checksum
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


def steps_to_find(rig: Rig, job_id: str, data: bytes) -> int:
    """How many instructions SQLite's machine takes to look for a possessed chunk, and finds none."""
    connection = apsw.Connection(str(rig.folder / CATALOG_NAME))
    steps = 0

    def step() -> bool:
        nonlocal steps
        steps += 1
        return False

    vault = job_refs.vault_of(rig.store, job_id)
    [(series_no, job_no, seq)] = connection.execute(
        "SELECT series_no, job_no, seq FROM backup_jobs WHERE uid = ?", (job_id,)
    ).fetchall()
    view = View(int(str(series_no)), 0, int(str(seq)), int(str(job_no)))
    connection.set_progress_handler(step, 1)
    chunk_id = vault.keys.chunk_id(checksum.digest(data))
    assert chunk_index.find_possessed(SqliteTx(connection), vault.vault_no, view, chunk_id) is None
    connection.close()
    return steps


def test_how_much_other_sources_use_a_chunk_does_not_show_in_the_work_to_look_for_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "store")
    rig.vault()
    rig.put_together(rig.start("many"), {f"{n}": b"popular" for n in range(2000)} | {"once": b"rare"})
    job = rig.start("victim")
    popular, rare, unknown = (steps_to_find(rig, job, data) for data in (b"popular", b"rare", b"unknown"))
    assert popular == rare
    # That the vault holds it takes the few instructions that hand its row over.
    assert 0 <= rare - unknown < 20
    rig.close()


def test_a_chunk_that_only_objects_out_of_sight_have_used_lately_is_sent_after_a_bounded_look(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk_index, "_REFERENCES_LOOKED_AT_MAX", 8)
    first = rig.start()
    rig.put(first, "kept", b"data")
    rig.commit(first)
    aborted = rig.start()
    rig.put_together(aborted, {f"{n}": b"data" for n in range(7)})
    rig.abort(aborted)
    job = rig.start()
    upload = rig.open_upload(job, "y")
    assert rig.early(**rig.chunk_params(job, upload, 0, b"data")) is not None
    rig.abort(job)
    job = rig.start()
    upload = rig.open_upload(job, "y")
    assert rig.early(**rig.chunk_params(job, upload, 0, b"data")) is None
    rig.put_chunk(job, upload, 0, b"data")
    assert rig.early(**rig.chunk_params(job, upload, 1, b"data")) is not None
