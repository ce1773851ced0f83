"""Sends many small things at once: a unit of entries is read, hashed and sent by one worker, in one request.

An OSError here is a file's own trouble: it is named, and the rest of the unit goes on. An error of the service is never
caught here, so it can never pass for an unreadable file.
"""

from collections.abc import Callable

from holdfast.agent.exchange import Exchange
from holdfast.agent.read_file import SMALL_BYTES_MAX, Grown, Vanished, read_entry
from holdfast.agent.report import BackupReport, Tally
from holdfast.agent.scan import Entry
from holdfast.agent.xattrs import MetadataBlob
from holdfast.model.clock import Clock
from holdfast.model.limits import KIB, MIB
from holdfast.wire.batch import PutRecord

UNIT_BYTES_MAX = 4 * MIB
UNIT_ENTRIES_MAX = 512
UNIT_DIRECTORIES_MAX = 96
"""Each keeps a descriptor open while the unit waits; units waiting times this stays well below 1,024."""
_ENTRY_BYTES = 256
_DELETE_BYTES_MAX = 256 * KIB


class Unit:
    """Entries gathered until a batch is full. `known` holds the names that have an older version in the job view."""

    __slots__ = ("directories", "entries", "known", "size")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.known: set[str] = set()
        self.size = 0
        self.directories: set[int] = set()

    def add(self, entry: Entry, known: bool) -> bool:
        """Take `entry` in; True when the unit is full."""
        self.entries.append(entry)
        if known:
            self.known.add(entry.name)
        if entry.kind == "f":
            self.size += entry.status.st_size
        self.size += _ENTRY_BYTES
        self.directories.add(entry.directory.fd)
        return (
            self.size >= UNIT_BYTES_MAX
            or len(self.entries) >= UNIT_ENTRIES_MAX
            or len(self.directories) >= UNIT_DIRECTORIES_MAX
        )


class Names:
    """Names to delete, gathered until a request is full."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._size = 0

    def add(self, name: str) -> bool:
        """Take `name` in; True when there are enough for a request."""
        self.names.append(name)
        self._size += len(name.encode()) + 8
        return self._size >= _DELETE_BYTES_MAX


class SmallFiles:
    """Sends units into one job; `send` may run in several threads at once."""

    def __init__(
        self,
        exchange: Exchange,
        job_id: str,
        tally: Tally[BackupReport],
        clock: Clock,
        large: Callable[[Entry, bool], None],
        about: MetadataBlob,
    ) -> None:
        self._exchange = exchange
        self._job_id = job_id
        self._tally = tally
        self._clock = clock
        self._large = large
        self._about = about

    def send(self, unit: Unit) -> None:
        """Read and store the entries of `unit`. What cannot be read is named in the report."""
        records: list[PutRecord] = []
        size = 0
        for entry in unit.entries:
            record = self._record(entry, entry.name in unit.known)
            if record is not None:
                records.append(record)
                size += len(record.data or b"") + len(record.metadata_blob or b"")
                if size >= UNIT_BYTES_MAX:  # files have grown, or have large attributes
                    self._put(records, unit.known)
                    records, size = [], 0
        self._put(records, unit.known)

    def _put(self, records: list[PutRecord], known: set[str]) -> None:
        if records:
            self._exchange.put(self._job_id, records)
            size = sum(len(record.data or b"") for record in records)
            new = sum(record.name not in known for record in records)
            self._tally.add(objects_sent=len(records), objects_new=new, bytes_read=size, bytes_sent=size)

    def delete(self, names: list[str]) -> None:
        """Take these names out of the job view."""
        self._exchange.delete(self._job_id, names)
        self._tally.add(objects_deleted=len(names))

    def _record(self, entry: Entry, known: bool) -> PutRecord | None:
        try:
            whole = read_entry(entry, self._clock, self._about)
        except Vanished:
            self._tally.warn(f"{entry.name}: vanished before it could be read")
            self._tally.add(objects_vanished=1)
            return None
        except Grown:
            self._large(entry, known)
            return None
        except OSError as error:
            self._tally.problem(entry.name, error.strerror or str(error), kept=known)
            self._tally.add(objects_failed=1)
            return None
        if whole.unrest:
            self._tally.warn(f"{entry.name}: changed while being read; stored as read, the next backup reads it again")
        if whole.lost:
            self._tally.attributes(entry.name, whole.lost)
        # The signed hash of the request vouches for the bytes of the whole unit.
        return PutRecord(entry.name, whole.metadata, whole.data, None, whole.blob)


def is_large(entry: Entry) -> bool:
    """Whether `entry` goes chunk by chunk."""
    return entry.kind == "f" and entry.status.st_size > SMALL_BYTES_MAX
