"""Back up and restore: whatever a file system can hold comes back as it was."""

import os
import random
import shutil
from pathlib import Path

import pytest

from holdfast.agent import restore
from tests.agent.rig import Rig, described

MIB = 1024 * 1024


def _settle(root: Path) -> None:
    """Odd times on everything, directories last."""
    for number, (folder, folders, files) in enumerate(os.walk(os.fsencode(root), topdown=False)):
        for leaf in (*folders, *files):
            when = 1_000_000_000_000_000_001 + number * 7_000_000_013
            os.utime(os.path.join(folder, leaf), ns=(when, when), follow_symlinks=False)
    os.utime(root, ns=(5, 5))


def _everything(root: Path) -> None:
    raw = os.fsencode(root)
    for name in (b"caf\xe9", b"\xff\xfe", b"line\nbreak", b"back\\slash", b"a b%+~", "Übung ☃".encode(), b"x" * 255):
        with open(os.path.join(raw, name), "wb") as file:
            file.write(name)
    every = bytes(byte for byte in range(1, 256) if byte != ord("/"))
    for part in (every[:200], every[200:]):
        os.mkdir(os.path.join(raw, part))
        with open(os.path.join(raw, part, part), "wb") as file:
            file.write(part)
    for name in ("complete", "put-object", "~", "%2F", "...", " ", "-", "a", "a!", "a0"):
        (root / name).write_text(name)
    (root / "empty").touch()
    (root / "empty folder").mkdir(mode=0o711)
    (root / "mode").write_text("x")
    (root / "mode").chmod(0o4751)
    (root / "sticky").mkdir()
    (root / "sticky").chmod(0o1777)
    (root / "read-only").mkdir()
    (root / "read-only" / "file").write_text("x")
    (root / "read-only" / "file").chmod(0o400)
    (root / "read-only").chmod(0o500)
    (root / "dangling").symlink_to("no\udcffwhere")
    (root / "to-folder").symlink_to("empty folder")
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "fifo", 0o640)
    deep = root.joinpath(*(f"level {number}" for number in range(60)))
    deep.mkdir(parents=True)
    (deep / "bottom").write_text("deep")
    (root / "one").write_text("linked")
    os.link(root / "one", root / "a-link")
    os.link(root / "one", root / "empty folder" / "z-link")
    generator = random.Random(1)
    (root / "exactly-1MiB").write_bytes(generator.randbytes(MIB))
    (root / "just-over").write_bytes(generator.randbytes(MIB + 1))
    (root / "large").write_bytes(generator.randbytes(23 * MIB + 17))
    os.link(root / "large", root / "large-link")
    (root / "zeros").write_bytes(bytes(9 * MIB))
    try:
        os.setxattr(root / "one", "user.note", b"\0binary\xff")
        os.setxattr(root / "large", "user.note", b"large")
        os.setxattr(root / "sticky", "user.note", b"folder")
    except OSError:
        pass  # this file system has no extended attributes
    _settle(root)


@pytest.mark.parametrize("batches", [True, False], ids=["batches", "one-by-one"])
def test_everything_comes_back_as_it_was(rig: Rig, batches: bool) -> None:
    _everything(rig.tree)
    before = described(rig.tree)
    report = rig.back_up(batches=batches)
    assert (report.problems, report.warnings) == ([], [])
    restored = rig.restore(batches=batches)
    assert (restored.problems, restored.warnings) == ([], [])
    assert described(rig.out) == before == described(rig.tree)
    assert os.path.samefile(rig.out / "one", rig.out / "a-link")
    assert os.path.samefile(rig.out / "one", rig.out / "empty folder" / "z-link")
    assert os.path.samefile(rig.out / "large", rig.out / "large-link")
    assert not list(rig.out.rglob(".holdfast-*"))


def test_an_unchanged_tree_costs_no_request_per_file(rig: Rig) -> None:
    _everything(rig.tree)
    first = rig.back_up()
    rig.transport.requests.clear()
    second = rig.back_up()
    assert second.objects_unchanged == first.objects_sent == second.objects_total
    assert (second.objects_sent, second.objects_deleted, second.bytes_read) == (0, 0, 0)
    assert sum(rig.transport.requests.values()) < 8
    assert second.base_recovery_point_arn == first.recovery_point_arn


def test_only_differences_are_sent_and_each_point_keeps_its_own(rig: Rig) -> None:
    _everything(rig.tree)
    points = [(rig.back_up().recovery_point_arn, described(rig.tree))]
    (rig.tree / "a").write_text("changed")
    (rig.tree / "new").write_text("new")
    (rig.tree / "one").unlink()
    shutil.rmtree(rig.tree / "level 0")
    (rig.tree / "level 0").write_text("a file now")
    (rig.tree / "a!").unlink()
    (rig.tree / "a!").mkdir()
    (rig.tree / "a!" / "inside").write_text("a directory now")
    (rig.tree / "to-folder").unlink()
    (rig.tree / "to-folder").mkdir()
    report = rig.back_up()
    points.append((report.recovery_point_arn, described(rig.tree)))
    assert report.objects_deleted == 1 + 59 + 1  # one; the levels below and the file at the bottom
    assert report.objects_sent < 15
    for number, (point, expected) in enumerate(points):
        rig.restore(f"out{number}", point=str(point))
        assert described(rig.folder / f"out{number}") == expected


def test_a_restore_over_another_tree_replaces_what_is_in_the_way(rig: Rig) -> None:
    _everything(rig.tree)
    rig.back_up()
    rig.restore()
    (rig.out / "a").unlink()
    (rig.out / "a").symlink_to(rig.folder / "precious")
    (rig.folder / "precious").write_text("precious")
    shutil.rmtree(rig.out / "level 0")
    (rig.out / "level 0").symlink_to(rig.folder)
    (rig.out / "large").write_text("short")
    (rig.out / "extra").write_text("stays")
    rig.restore()
    assert (rig.folder / "precious").read_text() == "precious"
    (rig.out / "extra").unlink()
    os.utime(rig.out, ns=(5, 5))
    assert described(rig.out) == described(rig.tree)


def test_paths_select_subtrees_and_single_files(rig: Rig) -> None:
    _everything(rig.tree)
    rig.back_up()
    rig.restore(paths=("level 0/level 1/", "a", "empty folder/z-link", "read-only"))
    found = {os.path.relpath(path, rig.out) for path in rig.out.rglob("*")}
    assert {"a", "empty folder", "empty folder/z-link", "read-only/file"} <= found
    assert all(name.split("/")[0] in ("a", "empty folder", "level 0", "read-only") for name in found)
    assert rig.out.joinpath(*(f"level {number}" for number in range(60)), "bottom").read_text() == "deep"
    assert (rig.out / "read-only").stat().st_mode == (rig.tree / "read-only").stat().st_mode


def test_a_single_file_and_a_single_link_are_sources_of_one_object(rig: Rig) -> None:
    (rig.tree / "file").write_text("x")
    (rig.tree / "link").symlink_to("file")
    assert rig.back_up(path=rig.tree / "file").objects_total == 1
    rig.restore("one")
    assert (rig.folder / "one" / "file").read_text() == "x"
    assert rig.back_up(path=rig.tree / "link").objects_total == 1
    rig.restore("two")
    assert os.readlink(rig.folder / "two" / "link") == "file"


def test_directories_that_are_closed_on_the_way_keep_their_times_and_so_does_the_top(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    # After so many waiting directories or links, those that are complete are closed.
    monkeypatch.setattr(restore, "WAITING_MAX", 4)
    for number in range(30):
        folder = rig.tree / f"folder {number:02}" / "inner"
        folder.mkdir(parents=True)
        (folder / "file").write_text(str(number))
        os.link(folder / "file", folder.parent / "twin")
    (rig.tree / "last").write_text("x")
    _settle(rig.tree)
    rig.back_up()
    rig.restore()
    assert described(rig.out) == described(rig.tree)
