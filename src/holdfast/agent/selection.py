"""Which objects of a recovery point are asked for: everything, or what stands at and below some paths.

A path may be typed relative to the source, as an absolute path below the source's own, as lists print it, or as a
pattern (agent.patterns). A name that is there is taken as it stands, also where it looks like a pattern.
"""

import os
import re
from collections.abc import Callable, Iterator

from holdfast.agent import names, patterns
from holdfast.agent.exchange import Stored, listing, stored
from holdfast.agent.root import recorded_root
from holdfast.client.api import Api


class Selection:
    """The objects at and below `paths` in a job's view; of none, all.

    What always holds: once `objects` has ended, each path that picked nothing is in `missing`, as it was typed.
    """

    def __init__(self, api: Api, job_id: str, paths: tuple[str, ...]) -> None:
        self._api = api
        self._job_id = job_id
        self._paths = paths
        self._root: str | None = None
        self.missing: list[str] = []

    def objects(self) -> Iterator[Stored]:
        """Everything picked, each once. What lies below a directory comes after it, in the order of names."""
        root = self._recorded() if any(path.startswith("/") for path in self._paths) else ""
        found: set[str] = set()
        wild: dict[str, Callable[[str], bool]] = {}
        for path in self._paths:
            name = next((each for each in _names(path, root) if self._is_there(each)), None)
            if name is not None:
                found.add(name)
            elif patterns.is_wild(path):
                wild[path] = _matcher(path, root)
            else:
                self.missing.append(path)
        if not self._paths or names.ROOT in found:
            yield from listing(self._api, self._job_id)
        elif wild:
            yield from self._matching(found, wild)
        else:
            for name in sorted(found):
                if not any(name.startswith(other + "/") for other in found):
                    yield from self._below(name)

    def _recorded(self) -> str:
        known = recorded_root(self._api, self._job_id)
        return "" if known is None else known.path

    def _is_there(self, name: str) -> bool:
        return name == names.ROOT or self._first(name) == name or self._first(name + "/") is not None

    def _first(self, prefix: str) -> str | None:
        page = self._api.scan_objects(self._job_id, prefix=prefix, results_max=1).object_list
        return page[0].name if page else None

    def _below(self, name: str) -> Iterator[Stored]:
        for one in self._api.scan_objects(self._job_id, prefix=name, results_max=1).object_list:
            if one.name == name:
                yield stored(one)
        yield from listing(self._api, self._job_id, name + "/")

    def _matching(self, found: set[str], wild: dict[str, Callable[[str], bool]]) -> Iterator[Stored]:
        unused = set(wild)
        for one in listing(self._api, self._job_id):
            matched = [path for path, matches in wild.items() if matches(one.name)]
            unused.difference_update(matched)
            if matched or any(one.name == name or one.name.startswith(name + "/") for name in found):
                yield one
        self.missing += [path for path in self._paths if path in unused]


def _names(path: str, root: str) -> Iterator[str]:
    """The object names that `path` may stand for, the likeliest first."""
    typed = os.path.normpath(path) if path else "."
    for spelled in (names.object_name(os.fsencode(typed)), typed.strip("/")):
        if root and typed.startswith("/"):
            absolute = "/" + spelled.strip("/")
            if absolute == root:
                yield names.ROOT
            elif absolute.startswith(root.rstrip("/") + "/"):
                yield absolute[len(root.rstrip("/")) + 1 :]
        yield spelled or names.ROOT


def _matcher(path: str, root: str) -> Callable[[str], bool]:
    """Whether an object, or a directory that it lies in, has a name that the pattern `path` matches."""
    pattern = patterns.relative(path, root)
    escaped = "/".join(names.escape_bytes(os.fsencode(part)) for part in pattern.split("/"))
    expression = "|".join({patterns.expression(pattern), patterns.expression(escaped)})
    if patterns.is_path(pattern):
        whole = re.compile(f"(?:{expression})(?:/.*)?", re.DOTALL)
        return lambda name: whole.fullmatch(name) is not None
    leaf = re.compile(expression, re.DOTALL)
    return lambda name: any(leaf.fullmatch(part) for part in name.split("/"))
