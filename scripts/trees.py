"""What a directory tree holds, down to the last thing that a backup must bring back, so that two trees can be compared.

Names are bytes, as the file system has them. Nothing is followed and nothing is changed.
"""

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

ROOT = b"."
_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One name of a tree. `content` is a file's SHA-256, a symbolic link's target or a device's number."""

    kind: str
    mode: str
    owner: str
    mtime_ns: int
    size: int
    content: str
    xattrs: tuple[tuple[str, bytes], ...]
    linked_with: str
    """The first name (in byte order) of the same file, where it has more than one name in this tree."""


def snapshot(top: Path) -> dict[bytes, Entry]:
    """Every name under `top` (and `top` itself, as `.`), relative to it. Sockets are left out: no backup holds them."""
    stats = {name: at for name, at in _walk(os.fsencode(top)) if not stat.S_ISSOCK(at.st_mode)}
    first_names: dict[tuple[int, int], bytes] = {}
    shared: set[tuple[int, int]] = set()
    for name in sorted(stats):
        at = stats[name]
        if at.st_nlink > 1 and not stat.S_ISDIR(at.st_mode):
            identity = (at.st_dev, at.st_ino)
            if first_names.setdefault(identity, name) != name:
                shared.add(identity)
    entries = {}
    for name, at in stats.items():
        identity = (at.st_dev, at.st_ino)
        linked_with = os.fsdecode(first_names[identity]) if identity in shared else ""
        entries[name] = _entry(os.path.join(os.fsencode(top), name), at, linked_with)
    return entries


def differences(expected: dict[bytes, Entry], found: dict[bytes, Entry]) -> list[str]:
    """One sentence for each way in which `found` is not `expected`; empty where they are the same in everything."""
    told = [f"{name!r} is missing" for name in sorted(expected.keys() - found.keys())]
    told += [f"{name!r} should not be there" for name in sorted(found.keys() - expected.keys())]
    for name in sorted(expected.keys() & found.keys()):
        if expected[name] != found[name]:
            for field in fields(Entry):
                wanted, got = getattr(expected[name], field.name), getattr(found[name], field.name)
                if wanted != got:
                    told.append(f"{name!r}: {field.name} is {got!r}, was {wanted!r}")
    return told


def count_files(tree: dict[bytes, Entry]) -> int:
    return sum(entry.kind == "file" for entry in tree.values())


def count_bytes(tree: dict[bytes, Entry]) -> int:
    return sum(entry.size for entry in tree.values() if entry.kind == "file")


def disk_bytes(top: Path) -> int:
    """What `top` occupies on its disk, as `du` counts it."""
    seen: dict[tuple[int, int], int] = {}
    for _, at in _walk(os.fsencode(top)):
        seen[at.st_dev, at.st_ino] = at.st_blocks * 512
    return sum(seen.values())


def remove_tree(top: Path) -> None:
    """Delete `top` and all below it, folders without write permission included."""
    for folder, _, _ in os.walk(top):
        os.chmod(folder, 0o700)
    shutil.rmtree(top)


def _walk(top: bytes) -> Iterator[tuple[bytes, os.stat_result]]:
    yield ROOT, os.lstat(top)
    waiting = [b""]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(os.path.join(top, folder)) as entries:
                for entry in entries:
                    name = os.path.join(folder, entry.name)
                    try:
                        at = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue  # a store at work removes files while it is measured
                    yield name, at
                    if stat.S_ISDIR(at.st_mode):
                        waiting.append(name)
        except PermissionError:
            continue  # shows as a directory without contents, which the backup names as unreadable


def _entry(path: bytes, at: os.stat_result, linked_with: str) -> Entry:
    kind, content, size = "directory", "", 0
    if stat.S_ISREG(at.st_mode):
        kind, content, size = "file", _digest(path), at.st_size
    elif stat.S_ISLNK(at.st_mode):
        kind, content = "symbolic link", os.fsdecode(os.readlink(path))
    elif stat.S_ISFIFO(at.st_mode):
        kind = "pipe"
    elif stat.S_ISCHR(at.st_mode) or stat.S_ISBLK(at.st_mode):
        kind, content = "device", f"{stat.S_ISCHR(at.st_mode)} {at.st_rdev}"
    owner = f"{at.st_uid}:{at.st_gid}" if os.geteuid() == 0 else ""  # only root can give files away
    return Entry(kind, oct(at.st_mode), owner, at.st_mtime_ns, size, content, _xattrs(path), linked_with)


def _digest(path: bytes) -> str:
    whole = hashlib.sha256()
    try:
        with open(path, "rb", buffering=0) as file:
            while piece := file.read(_READ_BYTES):
                whole.update(piece)
    except PermissionError:
        return "unreadable"
    return whole.hexdigest()


def _xattrs(path: bytes) -> tuple[tuple[str, bytes], ...]:
    if not hasattr(os, "listxattr"):
        return ()
    try:
        names = sorted(os.listxattr(path, follow_symlinks=False))
        return tuple((name, os.getxattr(path, name, follow_symlinks=False)) for name in names)
    except OSError:
        return ()
