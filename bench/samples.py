"""The trees that are backed up: many small real files, and few large incompressible ones; and one percent of change."""

import os
import random
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20
RANDOM_FILES = 4
CHANGED = 0.01


@dataclass(frozen=True, slots=True)
class Sample:
    """A tree to back up; `change` alters about one percent of it in place, differently for each `turn`."""

    name: str
    about: str
    tree: Path
    is_many_files: bool

    def change(self, turn: int) -> None:
        chance = random.Random(turn)  # noqa: S311 - repeatable on purpose
        if self.is_many_files:
            files = _files(self.tree)
            for path in chance.sample(files, max(1, int(len(files) * CHANGED))):
                with path.open("r+b") as file:
                    file.seek(path.stat().st_size // 2)
                    file.write(b"changed in turn %d" % turn)
            return
        for path in _files(self.tree):
            length = int(path.stat().st_size * CHANGED)
            with path.open("r+b") as file:
                file.seek(chance.randrange(path.stat().st_size - length))
                file.write(os.urandom(length))


def many_small_files(original: Path, place: Path) -> Sample:
    """A copy of `original`, with everything that a backup keeps."""
    tree = place / "small"
    subprocess.run(["cp", "-a", str(original), str(tree)], check=True)
    files = _files(tree)
    size = sum(path.stat().st_size for path in files)
    return Sample(
        "small files", f"{len(files):,} files, {size / MIB:,.0f} MiB: a Python installation's library", tree, True
    )


def few_large_files(mebibytes: int, place: Path) -> Sample:
    """`mebibytes` of random data in four files."""
    tree = place / "random"
    tree.mkdir()
    for number in range(RANDOM_FILES):
        with (tree / f"random-{number}").open("wb") as file:
            for _ in range(mebibytes // RANDOM_FILES):
                file.write(os.urandom(MIB))
    return Sample(
        "random data", f"{RANDOM_FILES} files, {mebibytes:,} MiB from os.urandom: nothing to compress", tree, False
    )


def _files(tree: Path) -> list[Path]:
    paths = [Path(folder, name) for folder, _, names in os.walk(tree) for name in names]
    return sorted(path for path in paths if stat.S_ISREG(path.lstat().st_mode))
