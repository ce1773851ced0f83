"""Which paths a backup leaves out: patterns of agent.patterns; a trailing '/' restricts one to directories.

An exclusion remembers which of its patterns have matched something, so that one that cannot work is noticed.
"""

import re
from collections.abc import Iterable

from holdfast.agent import names, patterns
from holdfast.model.errors import InvalidInput

_NOTHING = re.compile(r"(?!)")


class _Rule:
    """One pattern: as it was given, and what it is compared with."""

    __slots__ = ("directories_only", "expression", "given", "matcher", "on_path")

    def __init__(self, given: str, root: str) -> None:
        self.given = given
        pattern = patterns.relative(given, root)
        self.directories_only = pattern.endswith("/")
        self.on_path = patterns.is_path(pattern)
        self.expression = "|".join(map(patterns.expression, _spellings(pattern))) if pattern.strip("/") else "(?!)"
        self.matcher = re.compile(f"(?:{self.expression})", re.DOTALL)

    def matches(self, path: str, leaf: str, is_directory: bool) -> bool:
        if self.directories_only and not is_directory:
            return False
        return self.matcher.fullmatch(path if self.on_path else leaf) is not None


class Exclusion:
    """Compiled patterns. False (empty) where there are none, so that the scanner need not build paths."""

    def __init__(self, given: Iterable[str], root: str = "") -> None:
        """`root` is the absolute path of the source; absolute patterns below it are relative to the source."""
        self._rules = [_Rule(pattern, root) for pattern in given]
        self._unused = list(self._rules)
        self._leaf = _union(rule for rule in self._rules if not rule.on_path and not rule.directories_only)
        self._path = _union(rule for rule in self._rules if rule.on_path and not rule.directories_only)
        self._directory_leaf = _union(rule for rule in self._rules if not rule.on_path and rule.directories_only)
        self._directory_path = _union(rule for rule in self._rules if rule.on_path and rule.directories_only)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def matches(self, path: str, leaf: str, is_directory: bool) -> bool:
        """Whether `path` (relative, its last component `leaf`) is left out, with all that lies below it."""
        found = bool(self._leaf.fullmatch(leaf) or self._path.fullmatch(path))
        if not found and is_directory:
            found = bool(self._directory_leaf.fullmatch(leaf) or self._directory_path.fullmatch(path))
        if found and self._unused:
            self._unused = [rule for rule in self._unused if not rule.matches(path, leaf, is_directory)]
        return found

    def unused(self) -> list[str]:
        """The patterns, as they were given, that have matched nothing so far."""
        return [rule.given for rule in self._unused]


def is_kind(pattern: str) -> bool:
    """Whether a pattern names a kind of files ('*.swp'), which may well be absent, and not a certain one."""
    return patterns.is_wild(pattern) and not patterns.is_path(pattern)


def _spellings(pattern: str) -> list[str]:
    """`pattern` itself, and what it means where it is spelled as lists print names."""
    if "\\" not in pattern:
        return [pattern]
    parts = pattern.split("/")
    try:
        return [
            pattern,
            "/".join(names.unescape(part).decode("utf-8", "surrogateescape") if part else "" for part in parts),
        ]
    except InvalidInput:
        return [pattern]


def _union(rules: Iterable[_Rule]) -> re.Pattern[str]:
    expressions = [rule.expression for rule in rules]
    return re.compile("|".join(expressions), re.DOTALL) if expressions else _NOTHING
