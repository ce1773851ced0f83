"""What the demo and the benchmark compare trees with must see every difference, or their verdicts mean nothing."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.tree_change import change
from scripts.trees import differences, remove_tree, snapshot


def grow_one_tree(top: Path) -> Path:
    (top / "folder").mkdir(parents=True)
    for name in ("file", "other", "folder/deep"):
        (top / name).write_bytes(b"contents of " + name.encode())
    (top / "folder" / "link").symlink_to("deep")
    (top / "second name").hardlink_to(top / "file")
    os.mkfifo(top / "pipe")
    for path in (top / "file", top / "other", top / "folder/deep", top / "pipe", top / "folder", top):
        os.utime(path, ns=(1, 1_700_000_000_123_456_789))
    os.utime(top / "folder" / "link", ns=(1, 1_700_000_000_123_456_789), follow_symlinks=False)
    return top


def overwrite_keeping_the_time(path: Path) -> None:
    at = path.stat()
    path.write_bytes(b"C" + path.read_bytes()[1:])
    os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "one byte of a file": lambda top: overwrite_keeping_the_time(top / "file"),
    "the mode of a file": lambda top: (top / "other").chmod(0o600),
    "the mode of a directory": lambda top: (top / "folder").chmod(0o700),
    "a nanosecond of a file's time": lambda top: os.utime(top / "other", ns=(1, 1_700_000_000_123_456_788)),
    "a nanosecond of a directory's time": lambda top: os.utime(top / "folder", ns=(1, 1_700_000_000_123_456_788)),
    "a nanosecond of the top's time": lambda top: os.utime(top, ns=(1, 1_700_000_000_123_456_788)),
    "a missing file": lambda top: (top / "folder" / "deep").unlink(),
    "a file too many": lambda top: (top / "folder" / "new").touch(),
    "another target of a link": lambda top: ((top / "folder/link").unlink(), (top / "folder/link").symlink_to("x")),
    "a hard link that became a copy": lambda top: (
        (top / "second name").unlink(),
        (top / "second name").write_bytes((top / "file").read_bytes()),
        os.utime(top / "second name", ns=(1, 1_700_000_000_123_456_789)),
        os.utime(top, ns=(1, 1_700_000_000_123_456_789)),
    ),
    "a pipe that became a file": lambda top: ((top / "pipe").unlink(), (top / "pipe").touch()),
}


def test_equal_trees_have_no_differences(tmp_path: Path) -> None:
    assert differences(snapshot(grow_one_tree(tmp_path / "a")), snapshot(grow_one_tree(tmp_path / "b"))) == []


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_kind_of_difference_is_seen(tmp_path: Path, damage: str) -> None:
    expected = snapshot(grow_one_tree(tmp_path / "a"))
    copy = grow_one_tree(tmp_path / "b")
    DAMAGES[damage](copy)
    assert differences(expected, snapshot(copy))


def test_the_demo_changes_a_tree_in_ways_that_are_seen(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for number in range(60):
        (tree / f"file {number}").write_bytes(b"x" * 100)
    before = snapshot(tree)
    change(tree)
    assert len(differences(before, snapshot(tree))) > 10


def test_a_tree_without_write_permission_can_be_removed(tmp_path: Path) -> None:
    tree = grow_one_tree(tmp_path / "a")
    (tree / "folder").chmod(0o500)
    remove_tree(tree)
    assert not tree.exists()
