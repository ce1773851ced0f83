"""Targets that are there before, that refuse, or that take two names for one: what is left, and what is said."""

import ctypes
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.agent import acl
from tests.agent.rig import Rig, described
from tests.agent.test_kept_attributes import access_list, attributes_of, needs_root, set_or_skip

_CAP_CHOWN, _CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH, _PR_CAPBSET_DROP = 0, 1, 2, 24
_PROGRAM = (sys.executable, "-m", "holdfast")


def _mode(path: Path) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


def _drop(*capabilities: int) -> None:
    """In a child before exec: root without these rights."""
    for capability in capabilities if os.geteuid() == 0 else ():
        assert ctypes.CDLL(None, use_errno=True).prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) == 0


def _run(folder: Path, command: str, *arguments: str, without: tuple[int, ...]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_PROGRAM, command, *arguments, "--source", "s", "--store", str(folder / "commands"), "-q"],
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: _drop(*without),
    )


def test_directories_on_the_way_to_what_is_asked_for_get_what_is_recorded_of_them(local_rig: Rig) -> None:
    tree = local_rig.tree
    (tree / "private" / "deep").mkdir(parents=True)
    (tree / "private" / "deep" / "notes").write_text("x")
    (tree / "private" / "other").write_text("x")
    set_or_skip(tree / "private", "user.note", b"x")
    (tree / "private").chmod(0o700)
    (tree / "private" / "deep").chmod(0o2711)
    tree.chmod(0o750)
    for path in (tree / "private" / "deep" / "notes", tree / "private" / "deep", tree / "private", tree):
        os.utime(path, ns=(7, 7))
    expected = described(tree)
    del expected[b"private/other"]
    local_rig.back_up()
    assert local_rig.restore(paths=("private/deep/notes",)).problems == []
    assert described(local_rig.out) == expected


def test_directories_that_are_there_and_were_not_asked_for_stay_as_they_are(local_rig: Rig) -> None:
    (local_rig.tree / "folder").mkdir(mode=0o700)
    (local_rig.tree / "folder" / "file").write_text("x")
    local_rig.back_up()
    (local_rig.out / "folder").mkdir(parents=True)
    (local_rig.out / "folder").chmod(0o1777)
    local_rig.out.chmod(0o1777)
    report = local_rig.restore(paths=("folder/file",))
    assert (report.problems, report.warnings) == ([], [])
    assert [_mode(local_rig.out), _mode(local_rig.out / "folder")] == [0o1777, 0o1777]
    report = local_rig.restore()
    assert [_mode(local_rig.out), _mode(local_rig.out / "folder")] == [0o1777, 0o700]
    assert ["keeps its permissions 1777" in one for one in report.warnings] == [True]


def test_nothing_restored_has_an_access_list_from_the_directory_it_is_made_in(local_rig: Rig) -> None:
    tree, out = local_rig.tree, local_rig.out
    for folder in (tree / "shared", tree / "plain"):
        folder.mkdir()
        (folder / "file").write_text("x")
        os.mkfifo(folder / "fifo", 0o660)
    (tree / "shared" / "inner").mkdir()
    set_or_skip(tree / "shared", acl.DEFAULT, access_list(7, 7))
    local_rig.back_up()
    (out / "plain").mkdir(parents=True)
    for folder in (out, out / "plain"):
        set_or_skip(folder, acl.DEFAULT, access_list(7, 7))
    assert local_rig.restore().problems == []
    found = {path.relative_to(out).as_posix(): attributes_of(path) for path in out.rglob("*")}
    assert {name: one for name, one in found.items() if one} == {"shared": {acl.DEFAULT: access_list(7, 7)}}
    assert {name: _mode(out / name) for name in found} == {name: _mode(tree / name) for name in found}
    assert acl.DEFAULT in attributes_of(out)  # the directory it was pointed at belongs to others, too


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for found, folders, _ in os.walk(tmp_path):
        for name in folders:
            os.chmod(os.path.join(found, name), 0o700)


def test_an_owner_restores_again_into_directories_closed_to_himself(folder: Path) -> None:
    tree, out = folder / "tree", folder / "out"
    (tree / "shut" / "inner").mkdir(parents=True)
    (tree / "shut" / "inner" / "file").write_text("x")
    (tree / "shut" / "inner").chmod(0o500)
    (tree / "shut").chmod(0o500)
    without = (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH)
    assert _run(folder, "backup", str(tree), without=without).returncode == 0
    one = ("shut/inner/file",)
    for closed, paths in ((None, ()), (0o500, ()), (0o500, one), (0o000, ()), (0o000, one)):
        if closed is not None:
            (out / "shut" / "inner").chmod(0o700)
            (out / "shut" / "inner" / "file").unlink()
            (out / "shut" / "inner").chmod(closed)
            (out / "shut").chmod(closed)
        result = _run(folder, "restore", *paths, "--to", str(out), without=without)
        assert (result.returncode, result.stderr) == (0, "")
        (out / "shut").chmod(0o700)
        mode = _mode(out / "shut" / "inner")
        (out / "shut" / "inner").chmod(0o700)
        assert (out / "shut" / "inner" / "file").read_text() == "x"
        assert mode == (closed if paths else 0o500)  # as it was, or as recorded


@needs_root
def test_a_target_that_refuses_owners_gets_the_contents_and_no_rights_of_theirs(folder: Path) -> None:
    tree, out = folder / "tree", folder / "out"
    (tree / "folder").mkdir(parents=True)
    for leaf in ("file", "folder/program"):
        (tree / leaf).write_text(leaf)
    (tree / "link").symlink_to("file")
    for path in (*tree.rglob("*"), tree):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    (tree / "folder" / "program").chmod(0o4755)
    assert _run(folder, "backup", str(tree), without=()).returncode == 0
    result = _run(folder, "restore", "--to", str(out), "--json", without=(_CAP_CHOWN,))
    assert result.returncode == 3
    assert '"attributes_lost": 5' in result.stdout
    assert "owner (Operation not permitted)" in result.stderr
    assert [(out / leaf).read_text() for leaf in ("file", "folder/program", "link")] == [
        "file",
        "folder/program",
        "file",
    ]
    assert _mode(out / "folder" / "program") == 0o755


@pytest.fixture
def folding(tmp_path: Path) -> Iterator[Path]:
    """A directory of a file system to which case does not count."""
    tools = ("mkfs.exfat", "mount.exfat-fuse", "losetup", "umount")
    if os.geteuid() != 0 or not all(map(shutil.which, tools)):
        pytest.skip("needs root, mkfs.exfat and exfat-fuse")
    image, place = tmp_path / "image", tmp_path / "mounted"
    place.mkdir()
    with open(image, "wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.exfat", image], check=True, capture_output=True)
    attached = subprocess.run(["losetup", "-f", "--show", image], capture_output=True, text=True)
    if attached.returncode:
        pytest.skip(f"no loop device: {attached.stderr}")
    device = attached.stdout.strip()
    try:
        mounted = subprocess.run(["mount.exfat-fuse", device, place], capture_output=True, text=True)
        if mounted.returncode:
            pytest.skip(f"cannot mount: {mounted.stderr}")
        try:
            yield place
        finally:
            subprocess.run(["umount", place], check=True)
    finally:
        subprocess.run(["losetup", "-d", device], check=True)


def test_of_two_names_that_the_target_takes_for_one_the_second_is_named_and_replaces_nothing(
    local_rig: Rig, folding: Path
) -> None:
    tree = local_rig.tree
    for leaf, text in (("README", "upper"), ("Readme", "lower"), ("Dir/a", "one"), ("dir/a", "two"), ("dir/b", "b")):
        (tree / leaf).parent.mkdir(exist_ok=True)
        (tree / leaf).write_text(text)
    local_rig.back_up()
    for _ in range(2):  # what is there under its own name is replaced, as ever
        report = local_rig.restore(str(folding / "out"))
        taken = {one.path for one in report.problems if "the target takes" in one.reason}
        assert taken == {"Readme", "dir", "dir/a", "dir/b"}
        found = {path.relative_to(folding / "out").as_posix() for path in (folding / "out").rglob("*")}
        assert found == {"README", "Dir", "Dir/a"}
        assert (folding / "out" / "README").read_text() == "upper"
        assert (folding / "out" / "Dir" / "a").read_text() == "one"
