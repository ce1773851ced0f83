"""What a planted bug is: a small change of one source file that breaks one promise, and who must notice.

What is always true here: a bug is applied only where each of its texts stands exactly once, and what comes out is still
a program; so a bug that the code has outgrown is noticed, and never counts as caught because it does not even compile.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROMISES: Mapping[str, str] = {
    "G1": "what was acknowledged survives SIGKILL and power loss",
    "G2": "a read returns the bytes that were written, or an error",
    "G3": "no collection or compaction takes a byte from a kept recovery point",
    "G4": "a recovery point that is listed is whole",
    "G5": "the loss of a pack is reported exactly; the loss of the catalog loses no recovery point",
    "G6": "stolen disks, packs or catalog give no contents and confirm nothing",
    "G7": "write credentials can neither read back nor destroy earlier recovery points",
    "G8": "memory is bounded by configuration",
}
"""The promises of docs/design/contract.md, section 4."""


class Misfit(Exception):
    """The bug cannot be planted in this source: the message says which and why."""


@dataclass(frozen=True, slots=True)
class Bug:
    """One saboteur."""

    name: str
    """What the changed code does, as a sentence without its full stop."""
    promise: str
    """The promise that it breaks: a key of `PROMISES`."""
    path: str
    """The source file below src/holdfast."""
    edits: tuple[tuple[str, str], ...]
    """Texts of that file, each standing there once, and what stands there instead."""
    caught_by: tuple[str, ...]
    """Tests (pytest node ids from the top of the checkout), at least one of which must fail."""

    def applied(self, text: str) -> str:
        """The file's `text` with the bug in it. Raises Misfit."""
        for old, new in self.edits:
            if (found := text.count(old)) != 1:
                raise Misfit(f"{self.name}: in {self.path} this stands {found} times instead of once: {old!r}")
            text = text.replace(old, new)
        if self.path.endswith(".py"):
            try:
                compile(text, self.path, "exec", dont_inherit=True)
            except SyntaxError as broken:
                raise Misfit(f"{self.name}: {self.path} would be no program any more: {broken}") from broken
        return text

    def plant(self, package: Path) -> str:
        """Apply the bug to the package in that directory (src/holdfast of a copy); the file's text before. Misfit."""
        target = package / self.path
        try:
            before = target.read_text("utf-8")
        except FileNotFoundError as missing:
            raise Misfit(f"{self.name}: there is no {self.path}") from missing
        target.write_text(self.applied(before), "utf-8")
        return before


def bug(name: str, promise: str, path: str, old: str, new: str, *caught_by: str) -> Bug:
    """A bug of one edit."""
    return Bug(name, promise, path, ((old, new),), caught_by)
