"""Where lines are written down while a store is under attack, and the ledger that follows from them, kept together.

A line is in the file when `write` returns: it outlives a SIGKILL of the writer (the page cache is the kernel's). To
outlive a power cut the file must lie on another disk than the store.
"""

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import msgspec

from torture.ledger import Ledger
from torture.lines import Line, decode, encode


class Journal(Protocol):
    """Takes lines. Safe for many threads."""

    def write(self, line: Line) -> None:
        """Returns when the line is where an attack on the store cannot reach it."""
        ...


class LedgerJournal:
    """A journal and the ledger of its lines so far: in `file` where one is given, else in this process alone."""

    def __init__(self, ledger: Ledger, file: Path | None = None) -> None:
        self.ledger = ledger
        self.lock = threading.Lock()
        """Held while the ledger changes; whoever reads it beside other threads takes it."""
        self._descriptor = -1
        if file is not None:
            self._descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, line: Line) -> None:
        with self.lock:
            if self._descriptor >= 0:
                os.write(self._descriptor, encode(line))
            self.ledger.apply(line)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Follower:
    """Reads what others have written to a journal's file since it last looked."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset = 0

    def new_lines(self) -> Iterable[Line]:
        """Lines written since the last call. For when nobody writes: a torn last line is cut off, it never was."""
        if not self._file.exists():
            return []
        with self._file.open("r+b") as file:
            file.seek(self._offset)
            raw = file.read()
            whole = raw[: raw.rfind(b"\n") + 1]
            self._offset += len(whole)
            if len(whole) < len(raw):
                file.truncate(self._offset)
        try:
            return [decode(line) for line in whole.splitlines()]
        except msgspec.DecodeError as torn:
            raise AssertionError(f"the journal {self._file} holds a line that is none") from torn
