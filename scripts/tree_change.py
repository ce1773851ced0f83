"""Changes a tree in every way that a backup must notice, the same way each time: about one file in a hundred."""

import os
import stat
from pathlib import Path


def change(tree: Path) -> str:
    """Modify, add, delete, rename, link and re-mode files of `tree`; returns what was done, in words."""
    files = sorted(
        path
        for folder, _, names in os.walk(tree)
        for name in names
        if os.access(folder, os.W_OK) and _is_writable_file(path := Path(folder, name))
    )
    chosen = files[:: max(1, len(files) // max(6, len(files) // 100))]
    by_kind = [chosen[kind::6] for kind in range(6)]
    for path in by_kind[0]:
        _grow(path)
    for path in by_kind[1]:
        _overwrite(path)
    for path in by_kind[2]:
        path.unlink()
    for path in by_kind[3]:
        path.chmod(path.stat().st_mode ^ stat.S_IXUSR)
    for path in by_kind[4]:
        path.rename(path.with_name(path.name + ".renamed"))
    for path in by_kind[5]:
        path.with_name(path.name + ".hard").hardlink_to(path)
        path.with_name(path.name + ".soft").symlink_to(path.name)
    tree.chmod(tree.stat().st_mode | stat.S_IWUSR)
    added = tree / "added by the demo" / "ünïcode %2F +~"
    added.mkdir(parents=True)
    (added / "empty").touch()
    (added / "complete").write_bytes(b"a file called like an operation")
    (added / "new\nline").write_bytes(b"a name with a line break")
    _write_sparse(added / "sparse")
    counts = [len(kind) for kind in by_kind]
    return (
        f"{counts[0]} files grown, {counts[1]} overwritten in the middle, {counts[2]} deleted,"
        f" {counts[3]} with another mode, {counts[4]} renamed, {counts[5]} linked twice, 4 added"
    )


def _is_writable_file(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode) and os.access(path, os.W_OK)


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\nmore\n")


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"changed")


def _write_sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.seek(64 << 20)
        file.write(b"after 64 MiB of nothing")
