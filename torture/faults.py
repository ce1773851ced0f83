"""One fault at one system call of a process: which there are, and what they do as the calls come by.

What is watched besides: a file whose fsync failed is never written to or synced again. The catalog's files are
excepted: SQLite looks after them, and writes what a failed sync did not cover again from its own memory.
"""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from torture.system_calls import SHORTENABLE, SYNCS, TAKES_SPACE, Call
from torture.tracer import Kill, Refuse, Shorten, Verdict

BEGIN, END = 1, 2
"""Marks of the process: between them calls count, and fail."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault: where it can strike, what it does there, and whether to every later call too."""

    name: str
    verdict: Verdict
    strikes: Callable[[Call], bool]
    stays: bool = False
    loses: bool = False
    """The bytes that a failed sync did not cover are gone, as on a disk that refused them."""


FAULTS = (
    Fault("EIO", Refuse(errno.EIO), lambda call: call.name not in SYNCS),
    Fault("EIO at a sync, bytes lost", Refuse(errno.EIO), lambda call: call.name in SYNCS, loses=True),
    Fault("ENOSPC", Refuse(errno.ENOSPC), lambda call: call.name in TAKES_SPACE | SYNCS),
    Fault("ENOSPC from there on", Refuse(errno.ENOSPC), lambda call: call.name in TAKES_SPACE, stays=True),
    Fault("short write", Shorten(), lambda call: call.name in SHORTENABLE and call.length > 0),
    Fault("kill", Kill(), lambda _: True),
)


@dataclass(slots=True)
class Watch:
    """Decides about each call of one process over the store in `store`."""

    store: Path
    fault: Fault | None = None
    at: int = -1
    """Which call of those between the marks, from 0."""
    calls: list[Call] = field(default_factory=list)
    """The calls between the marks that change a file of the store."""
    struck: Call | None = None
    wrong: list[str] = field(default_factory=list)
    _between: bool = False
    _poisoned: set[str] = field(default_factory=set)
    _synced_bytes: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._synced_bytes = {str(path): path.stat().st_size for path in self.store.rglob("*") if path.is_file()}

    def decide(self, call: Call) -> Verdict:
        """What is to become of `call`."""
        if call.marker is not None:
            self._between = call.marker == BEGIN
            return None
        if not self._changes_the_store(call):
            return None
        if call.path in self._poisoned and call.name in SYNCS | SHORTENABLE:
            self.wrong.append(f"{call.path} was given {call.name} after its sync had failed")
        verdict = self._verdict(call) if self._between else None
        if call.name in SYNCS and Path(call.path).is_file():
            if verdict is None:
                self._synced_bytes[call.path] = _size(call.path)
            elif isinstance(verdict, Refuse):
                self._poison(call.path)
        return verdict

    def _changes_the_store(self, call: Call) -> bool:
        within = call.path == str(self.store) or call.path.startswith(f"{self.store}/")
        return within and call.creates and call.path != f"{self.store}/lock"

    def _verdict(self, call: Call) -> Verdict:
        number = len(self.calls)
        self.calls.append(call)
        if self.fault is None or not self.fault.strikes(call):
            return None
        if number != self.at and not (self.fault.stays and number > self.at):
            return None
        self.struck = self.struck or call
        return self.fault.verdict

    def _poison(self, path: str) -> None:
        assert self.fault is not None
        if Path(path).parent != self.store:
            self._poisoned.add(path)
        if self.fault.loses:
            _forget(path, self._synced_bytes.get(path, 0))


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _forget(path: str, synced_bytes: int) -> None:
    """What stands behind the synced bytes reads as zeros, as pages do that the disk refused and the kernel dropped."""
    with Path(path).open("r+b", buffering=0) as file:
        length = os.fstat(file.fileno()).st_size - synced_bytes
        if length > 0:
            file.seek(synced_bytes)
            file.write(bytes(length))
