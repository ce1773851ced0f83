"""A tree of text that compresses and data that does not, and what a day of work does to it."""

import os
import random
import shutil
from pathlib import Path

_LARGE = 8
_LARGE_SHARE = 0.6
_SMALL_BYTES = 12_000
_A_DIRECTORY = 200
_CHANGED = 0.04


def make(tree: Path, size: int, chance: random.Random) -> None:
    """A new tree of about `size` bytes: eight large files of random data, the rest small files of words."""
    tree.mkdir(parents=True)
    for number in range(_LARGE):
        with (tree / f"large-{number}").open("wb") as file:
            for _ in range(int(size * _LARGE_SHARE / _LARGE) >> 16):
                file.write(chance.randbytes(1 << 16))
    for number in range(max(20, int(size * (1 - _LARGE_SHARE)) // _SMALL_BYTES)):
        path = tree / f"folder-{number // _A_DIRECTORY}" / f"file-{number}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(_words(chance, chance.randrange(100, 2 * _SMALL_BYTES)))


def change(tree: Path, chance: random.Random) -> None:
    """About four files in a hundred are written, made, removed or renamed; a piece of one large file is overwritten."""
    files = sorted(path for path in tree.rglob("*") if path.is_file() and not path.name.startswith("large"))
    for path in chance.sample(files, max(4, int(len(files) * _CHANGED))):
        what = chance.randrange(5)
        if what == 0:
            path.unlink()
        elif what == 1:
            path.rename(path.with_name(f"{path.name}-{chance.randrange(10_000)}"))
        elif what == 2:
            path.with_name(f"new-{chance.randrange(1 << 30)}").write_bytes(_words(chance, chance.randrange(30_000)))
        else:
            with path.open("ab") as file:
                file.write(_words(chance, chance.randrange(1, 4000)))
    large = tree / f"large-{chance.randrange(_LARGE)}"
    length = max(1, large.stat().st_size // 5)
    with large.open("r+b") as file:
        file.seek(chance.randrange(large.stat().st_size - length + 1))
        file.write(chance.randbytes(length))
    if chance.random() < 0.2:
        whole = chance.choice([path for path in tree.iterdir() if path.is_dir()])
        shutil.rmtree(whole)
    os.utime(tree)


def _words(chance: random.Random, length: int) -> bytes:
    words = [chance.choice(_VOCABULARY) for _ in range(length // 6 + 1)]
    return b" ".join(words)[:length]


_VOCABULARY = [bytes(97 + (n * k) % 26 for k in range(2, 4 + n % 9)) + b"%d" % n for n in range(2000)]
