"""What a move has copied so far, in a small file in the target's directory: `DIR/moving.journal`.

One line for each blob, written after the blob is durable at the target: its name, its length and the SHA-256 of the
bytes that were read from the source. What is always true here: a line says what was there once, and is believed only
after the blob was read back; a line that is missing or cut off (a crash) costs copying a blob again, and nothing else.
"""

import contextlib
import os
import threading
from pathlib import Path

import msgspec

from holdfast.blobs.disk_errors import write_error

JOURNAL_NAME = "moving.journal"


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A blob as it was copied; no digest: it is to be copied again."""

    name: str
    length: int
    sha256: bytes | None


class _Head(msgspec.Struct, frozen=True):
    move: str


class Journal:
    """The lines of one move. Safe for many threads."""

    def __init__(self, directory: Path, move: str) -> None:
        """Reads what an earlier run of `move` wrote; what another move wrote is forgotten. Raises Unavailable."""
        self._path = directory / JOURNAL_NAME
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}
        try:
            text = self._path.read_bytes() if self._path.exists() else b""
            is_ours = self._read(text, move)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | (0 if is_ours else os.O_TRUNC)
            self._descriptor = os.open(self._path, flags, 0o600)
        except OSError as failed:
            raise write_error(failed, "open", self._path) from failed
        if not is_ours:
            self._write(_Head(move))
        elif not text.endswith(b"\n"):
            self._append(b"\n")

    def find(self, name: str) -> Entry | None:
        """How the blob was copied; None if it was not."""
        with self._lock:
            return self._entries.get(name)

    def note(self, name: str, length: int, sha256: bytes) -> None:
        """The blob is durable at the target."""
        self._keep(Entry(name, length, sha256))

    def forget(self, name: str) -> None:
        """The blob is to be copied again."""
        self._keep(Entry(name, 0, None))

    def close(self) -> None:
        """The file stays."""
        os.close(self._descriptor)

    def _keep(self, entry: Entry) -> None:
        with self._lock:
            if entry.sha256 is None:
                self._entries.pop(entry.name, None)
            else:
                self._entries[entry.name] = entry
            self._write(entry)

    def _read(self, text: bytes, move: str) -> bool:
        """Whether the text is of that move; then its entries are taken."""
        head, *lines = text.split(b"\n")
        try:
            if msgspec.json.decode(head, type=_Head).move != move:
                return False
        except msgspec.MsgspecError:
            return False
        decoder = msgspec.json.Decoder(Entry)
        for line in lines:
            with contextlib.suppress(msgspec.MsgspecError):
                entry = decoder.decode(line)
                if entry.sha256 is None:
                    self._entries.pop(entry.name, None)
                else:
                    self._entries[entry.name] = entry
        return True

    def _write(self, line: Entry | _Head) -> None:
        self._append(msgspec.json.encode(line) + b"\n")

    def _append(self, text: bytes) -> None:
        try:
            os.write(self._descriptor, text)
        except OSError as failed:
            raise write_error(failed, "write", self._path) from failed


def forget(directory: Path) -> None:
    """The move is over. What cannot be removed is rubbish that another move would overwrite."""
    with contextlib.suppress(OSError):
        (directory / JOURNAL_NAME).unlink()
