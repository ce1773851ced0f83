"""Recovery points that another client wrote, by mistake or malice, or that the disk has damaged."""

import os
from pathlib import Path

import pytest

from holdfast.agent.job import claim
from holdfast.model import checksum
from holdfast.model.errors import NotFound
from tests.agent.rig import SOURCE, Rig, described
from tests.backends import Backend, Place

_FILE = f"hf1 f 100644 {os.geteuid()} {os.getegid()} 4 1000000000 1000000000 7"
_FOLDER = f"hf1 d 40755 {os.geteuid()} {os.getegid()} 0 1000000000 1000000000 8"
_LINK = f"hf1 l 120777 {os.geteuid()} {os.getegid()} {{}} 1000000000 1000000000 9"


def _put(rig: Rig, *objects: tuple[str, str | None, bytes | None]) -> None:
    job = claim(rig.api, "default", SOURCE)
    for name, metadata, data in objects:
        digest = None if data is None else checksum.digest(data)
        rig.api.put_object(job.id, name, data, digest, metadata_string=metadata)
    rig.api.commit_backup_job(job.id)


def _outside(rig: Rig) -> dict[bytes, tuple[object, ...]]:
    return {name: one for name, one in described(rig.folder).items() if not name.startswith((b"out", b"store", b"."))}


@pytest.mark.parametrize("metadata", [_FILE, None], ids=["ours", "foreign"])
def test_a_name_that_leads_out_of_the_target_is_named_and_writes_nothing(rig: Rig, metadata: str | None) -> None:
    names = ("../evil", "a/../../evil", "/tmp/evil", "a//evil", "a/./evil", "a/..", "./evil")
    _put(rig, *((name, metadata, b"evil") for name in names), ("fine", metadata, b"fine"))
    before = _outside(rig)
    report = rig.restore()
    assert sorted(problem.path for problem in report.problems) == sorted(names)
    assert [path.name for path in rig.out.rglob("*")] == ["fine"]
    assert _outside(rig) == before


def test_escapes_that_the_agent_never_writes_are_refused(rig: Rig) -> None:
    names = (r"\x2e\x2e/evil", r"a\x2fb", r"\x41", r"\xFF", "\\")
    _put(rig, *((name, _FILE, b"evil") for name in names))
    report = rig.restore()
    assert report.problems_total == len(names)
    assert list(rig.out.iterdir()) == []


def test_a_file_below_a_link_of_the_same_point_never_lands_behind_the_link(rig: Rig) -> None:
    outside = rig.folder / "outside"
    outside.mkdir()
    target = os.fsencode(outside)
    link = _LINK.format(len(target))
    _put(rig, ("d", link, target), ("d/evil", _FILE, b"evil"), ("e", link, target), ("e/f/evil", _FILE, b"evil"))
    rig.restore()
    rig.restore()
    assert list(outside.iterdir()) == []


def test_objects_of_other_clients_come_back_as_plain_files(rig: Rig) -> None:
    job = claim(rig.api, "default", SOURCE)
    upload = rig.api.start_object(job.id, "folder/in three parts")
    parts = [b"one ", b"two ", b"three"]
    for index, part in enumerate(parts):
        rig.api.put_chunk(job.id, upload, index * 7, part, checksum.digest(part))
    rig.api.notify_object_complete(
        job.id,
        upload,
        checksum.summary(map(checksum.digest, parts)),
        metadata_string="theirs",
        metadata_blob=b"\0theirs",
    )
    rig.api.put_object(job.id, "C:\\dir\\x41", b"x", checksum.digest(b"x"))
    rig.api.put_object(job.id, "nothing")
    rig.api.commit_backup_job(job.id)
    report = rig.restore()
    assert report.problems == []
    assert (rig.out / "folder" / "in three parts").read_bytes() == b"one two three"
    assert (rig.out / "C:\\dir\\x41").read_bytes() == b"x"
    assert (rig.out / "nothing").read_bytes() == b""


def test_links_whose_contents_differ_become_files_of_their_own(rig: Rig) -> None:
    ours = _FILE + " h=1:7"
    _put(rig, ("a", ours, b"aaaa"), ("b", ours, b"bbbb"), ("c", ours, b"aaaa"))
    rig.restore()
    assert [(rig.out / name).read_bytes() for name in "abc"] == [b"aaaa", b"bbbb", b"aaaa"]
    assert os.path.samefile(rig.out / "a", rig.out / "c")
    assert not os.path.samefile(rig.out / "a", rig.out / "b")


def test_a_chunk_beyond_the_end_of_its_file_is_damage(rig: Rig) -> None:
    _put(rig, ("short", _FILE, b"five5"), ("fine", _FILE, b"four"), ("dir", _FOLDER, None))
    report = rig.restore()
    assert [problem.path for problem in report.problems] == ["short"]
    assert report.damaged_total == 1
    assert sorted(path.name for path in rig.out.iterdir()) == ["dir", "fine"]


def _spoil(place: Place) -> None:
    """Flip one bit in the middle of the largest pack."""
    sizes = {name: len(place.read_blob(name)) for name in place.names()}
    largest = max(sizes, key=lambda name: sizes[name])
    place.flip(largest, sizes[largest] // 2)


@pytest.mark.parametrize("size", [20_000, 3_000_000], ids=["small", "large"])
def test_damage_in_the_store_is_named_and_everything_else_comes_back(
    rig: Rig, size: int, backend: Backend, tmp_path: Path
) -> None:
    for number in range(9):
        (rig.tree / f"file {number}").write_bytes(os.urandom(size))
    rig.back_up()
    _spoil(backend.place(tmp_path / "store"))
    report = rig.restore()
    assert report.damaged_total == report.problems_total == 1
    damaged = report.problems[0].path
    expected = described(rig.tree)
    del expected[os.fsencode(damaged)]
    assert described(rig.out) == expected


def test_a_source_without_recovery_points_is_told_with_those_that_have_some(rig: Rig) -> None:
    from holdfast.agent.points import choose

    rig.back_up(allow_empty=True)
    with pytest.raises(NotFound, match="no recovery point of source 'nope'; sources with recovery points: 'tree'"):
        choose(rig.api, "nope", "latest", None)
    with pytest.raises(NotFound, match="holdfast points"):
        choose(rig.api, SOURCE, "arn:aws:backup:local:000000000000:recovery-point:nope", None)
