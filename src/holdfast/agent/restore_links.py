"""Hard links, of whatever kind of file: the first name of a group is restored by itself, the others are linked to it.

Only when kind and contents are equal: names of one group were separate objects, and the file may have changed between
two of them. Links are made when all files handed out so far are written. A link that cannot be made becomes a copy.
"""

import os
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock

from holdfast.agent.directory import Directory
from holdfast.agent.target import put_in_place, temporary_name
from holdfast.agent.wanted import Wanted

GROUPS_REMEMBERED_MAX = 200_000
"""Further groups push out the oldest ones, whose later names become copies."""


@dataclass(slots=True)
class _First:
    parts: tuple[bytes, ...]
    kind: str
    summary: str
    identity: tuple[int, int] | None = None


class Links:
    """Remembers the first name of each group."""

    def __init__(self) -> None:
        self._groups: OrderedDict[str, _First] = OrderedDict()
        self._lock = Lock()

    def is_later(self, one: Wanted, parts: tuple[bytes, ...]) -> bool:
        """Whether another name of the same file was seen before; else this one is remembered as the first."""
        group = one.attributes.link
        if group is None or one.attributes.kind == "d":
            return False
        with self._lock:
            first = self._groups.get(group)
            if first is not None:
                return first.kind == one.attributes.kind and first.summary == one.stored.summary
            self._groups[group] = _First(parts, one.attributes.kind, one.stored.summary)
            if len(self._groups) > GROUPS_REMEMBERED_MAX:
                self._groups.popitem(last=False)
        return False

    def written(self, one: Wanted, status: os.stat_result) -> None:
        """A first name is complete; `status` is that of its file."""
        group = one.attributes.link
        if group is None:
            return
        with self._lock:
            first = self._groups.get(group)
            if first is not None and first.identity is None:
                first.identity = (status.st_dev, status.st_ino)

    def first(self, one: Wanted) -> tuple[tuple[bytes, ...], tuple[int, int]] | None:
        """Path and identity of the file that `one` is another name of; None where it was not restored."""
        first = self._groups.get(one.attributes.link or "")
        return None if first is None or first.identity is None else (first.parts, first.identity)


def link(source: Directory, source_leaf: bytes, identity: tuple[int, int], one: Wanted) -> bool:
    """Make `one` another name of the file `identity`; False where that is not possible."""
    temporary = temporary_name()
    try:
        os.link(source_leaf, temporary, src_dir_fd=source.fd, dst_dir_fd=one.directory.fd, follow_symlinks=False)
    except OSError:
        return False
    try:
        status = os.stat(temporary, dir_fd=one.directory.fd, follow_symlinks=False)
        if (status.st_dev, status.st_ino) != identity:
            return False
        put_in_place(one.directory, temporary, one.leaf)
        return True
    except OSError:
        return False
    finally:
        # Still there if anything failed, and also if both names were one file already: rename then does nothing.
        with suppress(OSError):
            os.unlink(temporary, dir_fd=one.directory.fd)
