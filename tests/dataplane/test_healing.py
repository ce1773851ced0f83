"""Damage that nobody has noticed yet is no duplicate: who brings the bytes heals it, who only claims them is asked."""

import pytest

from holdfast.model.errors import Damaged
from tests.dataplane.rig import Rig, sha

DATA = b"data" * 1000


def in_kept_point(rig: Rig) -> tuple[str, str]:
    """A recovery point of one object, and the pack that has the object's chunk as its first frame."""
    job = rig.start()
    rig.put(job, "old", DATA)
    [pack] = rig.pack_names()
    return rig.commit(job), pack


@pytest.mark.parametrize("offset", [48, 60, 90, 130, 170], ids=["magic", "header", "frame id", "salt", "body"])
@pytest.mark.parametrize("way", ["PutObject", "PutChunk"])
def test_an_unnoticed_flip_is_healed_by_the_first_upload_of_the_same_data(rig: Rig, offset: int, way: str) -> None:
    point, pack = in_kept_point(rig)
    rig.place.flip(pack, offset)
    job = rig.start("another")
    if way == "PutObject":
        rig.put(job, "new", DATA)
    else:
        upload = rig.open_upload(job, "new")
        rig.put_chunk(job, upload, 0, DATA)
        rig.complete(job, upload, DATA)
    assert rig.contents(rig.restore(point)) == {"old": DATA}
    assert rig.contents(job) == {"new": DATA}


def test_a_lost_or_short_pack_is_no_duplicate_either(rig: Rig) -> None:
    point, pack = in_kept_point(rig)
    rig.place.overwrite(pack, b"")
    job = rig.start("another")
    rig.put(job, "new", DATA)
    assert rig.contents(rig.restore(point)) == {"old": DATA}


@pytest.mark.parametrize("harm", ["lost", "empty", "cut", "mixed up"])
def test_a_chunk_that_is_claimed_without_its_body_must_at_least_be_there(rig: Rig, harm: str) -> None:
    point, pack = in_kept_point(rig)
    job = rig.start()
    upload = rig.open_upload(job, "new")
    assert rig.early(**rig.chunk_params(job, upload, 0, DATA)) is not None
    whole = rig.place.read_blob(pack)
    rig.place.remove(pack)
    if harm != "lost":
        harmed = {"empty": b"", "cut": whole[:100], "mixed up": whole[:48] + whole[60:]}[harm]
        rig.place.overwrite(pack, harmed)
    assert rig.early(**rig.chunk_params(job, upload, 1, DATA)) is None
    assert rig.put_chunk(job, upload, 1, DATA)["ChunkChecksum"] == sha(DATA)
    rig.complete(job, upload, DATA, DATA)
    assert rig.contents(rig.restore(point)) == {"old": DATA}
    assert rig.contents(job)["new"] == DATA + DATA


def test_damage_is_still_told_to_a_reader_who_comes_first(rig: Rig) -> None:
    point, pack = in_kept_point(rig)
    rig.place.flip(pack, 175)
    restore = rig.restore(point)
    with pytest.raises(Damaged):
        rig.contents(restore)
    job = rig.start("another")
    rig.put(job, "new", DATA)
    assert rig.contents(restore) == {"old": DATA}


def test_a_pack_that_is_removed_while_it_is_written_takes_nothing_that_is_acknowledged(rig: Rig) -> None:
    job = rig.start()
    rig.put(job, "first", b"first")
    [pack] = rig.pack_names()
    rig.place.remove(pack)
    rig.put(job, "second", b"second")
    rig.put(job, "first", b"first")
    assert rig.contents(job) == {"first": b"first", "second": b"second"}
