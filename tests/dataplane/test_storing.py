"""What reaches the disk: duplicates once, sealed manifests, damage noticed and healed, nothing plain in the catalog."""

import hashlib
import random
from pathlib import Path

import pytest

from holdfast.catalog import backup_jobs, chunk_index
from holdfast.model.errors import Damaged
from holdfast.packfile import manifest
from holdfast.packfile.layout import Kind
from tests.backends import Backend
from tests.dataplane.rig import Rig


def _pack_bytes(rig: Rig) -> int:
    return sum(rig.blobs.size(name) for name in rig.pack_names())


def test_the_same_bytes_are_stored_once_in_a_vault(rig: Rig) -> None:
    data = random.Random(1).randbytes(100_000)
    job = rig.start()
    rig.put(job, "a", data)
    size = _pack_bytes(rig)
    rig.put(job, "b", data)
    rig.put(rig.start("elsewhere"), "c", data)
    assert _pack_bytes(rig) == size


def test_another_vault_shares_nothing(rig: Rig) -> None:
    data = random.Random(1).randbytes(100_000)
    rig.put(rig.start(), "a", data)
    size = _pack_bytes(rig)
    rig.vault("other")
    rig.put(rig.start("home", "other"), "a", data)
    assert _pack_bytes(rig) >= 2 * 100_000 > size - 1000


def test_a_damaged_chunk_is_an_error_and_the_next_upload_heals_it(rig: Rig) -> None:
    data = random.Random(2).randbytes(50_000)
    job = rig.start()
    rig.put(job, "x", data)
    (pack,) = rig.pack_names()
    rig.place.flip(pack, 25_000)
    with pytest.raises(Damaged):
        rig.contents(job)
    rig.put(job, "y", data)
    assert rig.contents(job) == {"x": data, "y": data}


def test_a_commit_seals_a_manifest_that_names_everything(rig: Rig) -> None:
    first = rig.start()
    rig.put(first, "a", b"1", MetadataString="m")
    rig.put(first, "b", b"2")
    upload = rig.open_upload(first, "big")
    rig.put_chunk(first, upload, 0, b"x")
    rig.put_chunk(first, upload, 9, b"y")
    rig.complete(first, upload, b"x", b"y", MetadataBlob=b"blob")
    rig.commit(first)
    job = rig.start()
    rig.call("DeleteObject", BackupJobId=job, ObjectName="b")
    rig.commit(job)
    (added,), (changed,) = _manifest(rig, first), _manifest(rig, job)
    assert [(entry.name, entry.metadata_string) for entry in added.added] == [("a", "m"), ("b", None), ("big", None)]
    assert [(chunk.index, chunk.digest) for chunk in added.added[2].chunks] == [
        (0, hashlib.sha256(b"x").digest()),
        (9, hashlib.sha256(b"y").digest()),
    ]
    assert added.added[2].metadata_blob is not None
    assert added.added[2].metadata_blob.digest == hashlib.sha256(b"blob").digest()
    assert (changed.added, changed.deleted, changed.head.base_seq) == ([], ["b"], added.head.seq)


def _manifest(rig: Rig, job_id: str) -> list[manifest.ManifestPart]:
    with rig.catalog.snapshot() as tx:
        job = backup_jobs.find(tx, job_id)
        assert job is not None
        numbers = tx.all(
            "SELECT m.chunk_no FROM manifests m JOIN recovery_points p ON p.point_no = m.point_no"
            " WHERE p.uid = :uid ORDER BY m.part",
            {"uid": job.point_uid},
        )
        rows = [chunk_index.find_by_number(tx, job.vault_no, number) for (number,) in numbers]
    keys = rig.ring.open(job.vault_uid)
    parts = []
    for row in rows:
        assert row is not None
        from holdfast.chunks.port import Location

        place = Location(row.pack, row.frame_offset, row.frame_bytes)
        data = rig.store.chunks.read(keys, row.chunk_id, place, row.raw_bytes, kind=Kind.MANIFEST)
        parts.append(manifest.decode(data))
    return parts


def test_neither_catalog_nor_packs_hold_a_checksum_or_a_content(rig: Rig) -> None:
    data = b"a very secret file content" * 10
    job = rig.start()
    rig.put(job, "x", data)
    rig.commit(job)
    rig.close()
    everything = rig.place.everything()
    digest = hashlib.sha256(data).digest()
    for clue in (data[:26], digest, hashlib.sha256(digest).digest()):
        assert clue not in everything


def test_duplicates_are_told_to_whoever_counts(backend: Backend, tmp_path: Path) -> None:
    told: list[int] = []
    rig = Rig(backend.place(tmp_path / "store"), on_duplicate=told.append)
    rig.vault()
    job = rig.start()
    rig.put(job, "a", b"12345")
    assert told == []
    rig.put(job, "b", b"12345")
    assert told == [5]
    rig.close()
