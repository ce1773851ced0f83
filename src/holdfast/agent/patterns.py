"""Glob patterns as people type them, for what a backup leaves out and what a restore or a list picks.

A pattern without '/' is compared with the last component of a path; one with '/' with the whole path relative to the
source, from its beginning. `*` and `?` also match '/' in patterns that hold one. `**/` matches any directories, and
none. A leading './' or '/' anchors a pattern at the source; an absolute path that lies below the source's own is taken
relative to it.
"""

import fnmatch
import re

_ANY_DIRECTORIES = re.compile(r"(?:(?<=/)|^)\*\*/")
_WILD = re.compile(r"[*?[]")


def is_wild(text: str) -> bool:
    """Whether `text` holds any character that patterns give a meaning."""
    return _WILD.search(text) is not None


def relative(pattern: str, root: str) -> str:
    """`pattern` as it is compared with paths relative to the source at `root`: what was anchored begins with '/'."""
    below = root.rstrip("/") + "/"
    if pattern.startswith(below):
        return "/" + pattern[len(below) :].lstrip("/")
    while pattern.startswith("./"):
        pattern = "/" + pattern[2:].lstrip("/")
    return pattern


def is_path(pattern: str) -> bool:
    """Whether a relative pattern is compared with whole paths, and not with last components."""
    return "/" in pattern.rstrip("/")


def expression(pattern: str) -> str:
    """The regular expression of a relative pattern, for `re.DOTALL`, to be matched against all of a path or leaf."""
    return "(?:.*/)?".join(map(_translated, _ANY_DIRECTORIES.split(pattern.strip("/"))))


def _translated(piece: str) -> str:
    return fnmatch.translate(piece)[: -len(r"\Z")]
