"""Brings back many small things at once: a unit is fetched in one request and written by one worker.

Every object is compared with its SUMMARY before a byte of it is written. What the store cannot give back whole is
damage, and named as such; what the local file system refuses is that file's problem; other errors of the service end
the run.
"""

import errno
import os
from collections.abc import Callable, Sequence
from functools import partial

from holdfast.agent import xattrs
from holdfast.agent.exchange import Exchange
from holdfast.agent.report import RestoreReport, Tally
from holdfast.agent.restore_links import Links
from holdfast.agent.target import new_file, new_special, set_attributes
from holdfast.agent.wanted import Wanted
from holdfast.model import checksum
from holdfast.model.errors import Damaged, HoldfastError, Internal, InvalidInput, Unavailable
from holdfast.model.limits import MIB
from holdfast.wire.batch import GetRecord

UNIT_BYTES_MAX = 4 * MIB
UNIT_ENTRIES_MAX = 512
UNIT_DIRECTORIES_MAX = 96
SMALL_BYTES_MAX = 1 * MIB

_NOTHING = GetRecord([])
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_DAMAGE = (Damaged, Internal)


class SmallRestores:
    """Writes units; `write` may run in several threads at once."""

    def __init__(self, exchange: Exchange, job_id: str, links: Links, tally: Tally[RestoreReport]) -> None:
        self._exchange = exchange
        self._job_id = job_id
        self._links = links
        self._tally = tally

    def write(self, unit: Sequence[Wanted]) -> None:
        """Fetch and write the objects of `unit`."""
        fetched = [one for one in unit if one.stored.chunks or one.stored.blob_bytes]
        records = self._fetch(fetched)
        counts = dict.fromkeys("fdlpcb", 0)
        size = 0
        for one in unit:
            record = records.get(one.name, _NOTHING)
            if record is None:
                continue
            if named(self._tally, one.name, partial(self._write, one, record)):
                counts[one.attributes.kind] += 1
                size += one.stored.size
        self._tally.add(
            files=counts["f"],
            links=counts["l"],
            others=counts["p"] + counts["c"] + counts["b"],
            objects_done=len(unit),
            bytes_written=size,
        )

    def _fetch(self, wanted: list[Wanted]) -> dict[str, GetRecord | None]:
        """The records by object name; None for the damaged ones, which are named."""
        if not wanted:
            return {}
        try:
            records = self._exchange.get(self._job_id, [one.stored for one in wanted])
        except _DAMAGE as error:
            if len(wanted) == 1:
                damaged(self._tally, wanted[0].name, error)
                return {wanted[0].name: None}
            # One damaged object fails its whole batch: ask for halves until it is alone.
            middle = len(wanted) // 2
            return self._fetch(wanted[:middle]) | self._fetch(wanted[middle:])
        return {one.name: record for one, record in zip(wanted, records, strict=True)}

    def _write(self, one: Wanted, record: GetRecord) -> None:
        summary = checksum.summary(checksum.digest(data) for _, data in record.chunks)
        if checksum.encode(summary) != one.stored.summary:
            raise Damaged("its contents do not have the checksum of the object")
        kind = one.attributes.kind
        if kind == "f":
            self._write_file(one, record)
        elif kind == "l":
            new_special(one.directory, one.leaf, one.attributes, b"".join(data for _, data in record.chunks))
        elif kind == "d":
            set_xattrs(self._tally, one, one.directory.fd, record.metadata_blob)
        else:
            new_special(one.directory, one.leaf, one.attributes, None)

    def _write_file(self, one: Wanted, record: GetRecord) -> None:
        with new_file(one.directory, one.leaf) as fd:
            end = 0
            for index, data in record.chunks:
                at = end if one.foreign else index
                end = write_at(fd, data, at, one)
            if end != one.attributes.size:
                os.ftruncate(fd, one.attributes.size)
            finish_file(self._tally, one, fd, record.metadata_blob)
            self._links.written(one, fd)


def write_at(fd: int, data: bytes | bytearray | memoryview, position: int, one: Wanted) -> int:
    """Write all of `data`; the position behind it. Raises OSError, or Damaged for a chunk beyond its file's end."""
    end = position + len(data)
    if end > one.attributes.size:
        raise Damaged(f"it has a chunk that ends at {end}, behind its {one.attributes.size} bytes")
    written = os.pwrite(fd, data, position)
    while written < len(data):
        written += os.pwrite(fd, memoryview(data)[written:], position + written)
    return end


def finish_file(tally: Tally[RestoreReport], one: Wanted, fd: int, blob: bytes | None) -> None:
    """The attributes of a file whose contents are written. Raises OSError."""
    if blob is None:
        set_attributes(fd, one.attributes)
        return
    # Capabilities are lost when the owner changes, times when attributes do: owner first, times last.
    set_attributes(fd, one.attributes)
    set_xattrs(tally, one, fd, blob)
    os.utime(fd, ns=(one.attributes.mtime_ns, one.attributes.mtime_ns))


def set_xattrs(tally: Tally[RestoreReport], one: Wanted, fd: int, blob: bytes | None) -> None:
    """The extended attributes in a metadata blob; a warning for those that cannot be set here."""
    if blob is None:
        return
    try:
        failed = xattrs.apply(fd, xattrs.decode(blob))
    except InvalidInput as foreign:
        tally.warn(f"{one.name}: {foreign.message}")
        return
    if failed:
        tally.warn(f"{one.name}: could not set {', '.join(failed)}")


def named(tally: Tally[RestoreReport], name: str, write: Callable[[], None]) -> bool:
    """Run `write`; whether it succeeded. What befalls this file alone is named, the rest is raised."""
    try:
        write()
    except _DAMAGE as error:
        damaged(tally, name, error)
        return False
    except OSError as error:
        if error.errno in _FULL:
            raise Unavailable(f"{name} cannot be written: {error.strerror}; make room and restore again") from error
        tally.problem(name, error.strerror or str(error))
        return False
    except (OverflowError, ValueError) as absurd:
        # What no file can have (a size beyond 64 bits, a device number that does not exist) is this object's damage.
        tally.problem(name, f"its attributes are damaged: {absurd}")
        return False
    return True


def damaged(tally: Tally[RestoreReport], name: str, error: HoldfastError) -> None:
    """Name an object whose bytes the store did not give back whole."""
    tally.problem(name, f"damaged in the store: {error.message}")
    tally.add(damaged_total=1)
