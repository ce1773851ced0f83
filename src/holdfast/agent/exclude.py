"""Which paths a backup leaves out: glob patterns as people type them.

A pattern without '/' is compared with the last component of a path, one with '/' with the whole path relative to the
source; a trailing '/' restricts it to directories. `*` and `?` also match '/' in patterns that hold one.
"""

import fnmatch
import re
from collections.abc import Iterable

_NOTHING = re.compile(r"(?!)")


class Exclusion:
    """Compiled patterns. False (empty) where there are none, so that the scanner need not build paths."""

    def __init__(self, patterns: Iterable[str]) -> None:
        given = [pattern for pattern in patterns if pattern.strip("/")]
        self._any = bool(given)
        self._leaf = _union(p for p in given if "/" not in p.rstrip("/") and not p.endswith("/"))
        self._path = _union(p for p in given if "/" in p.rstrip("/") and not p.endswith("/"))
        self._directory_leaf = _union(p[:-1] for p in given if "/" not in p.rstrip("/") and p.endswith("/"))
        self._directory_path = _union(p[:-1] for p in given if "/" in p.rstrip("/") and p.endswith("/"))

    def __bool__(self) -> bool:
        return self._any

    def matches(self, path: str, leaf: str, is_directory: bool) -> bool:
        """Whether `path` (relative, its last component `leaf`) is left out, with all that lies below it."""
        if self._leaf.match(leaf) or self._path.match(path):
            return True
        return is_directory and bool(self._directory_leaf.match(leaf) or self._directory_path.match(path))


def _union(patterns: Iterable[str]) -> re.Pattern[str]:
    translated = [fnmatch.translate(pattern.lstrip("/")) for pattern in patterns]
    return re.compile("|".join(translated)) if translated else _NOTHING
