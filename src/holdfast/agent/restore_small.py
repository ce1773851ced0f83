"""Brings back many small things at once: a unit is fetched in one request and written by one worker.

Every object is compared with its SUMMARY before a byte of it is written. What the store cannot give back whole is
damage, and named as such; what the local file system refuses is that file's problem; other errors of the service end
the run.
"""

import errno
import os
from collections.abc import Callable, Sequence
from functools import partial

from holdfast.agent.exchange import Exchange
from holdfast.agent.report import RestoreReport, Tally
from holdfast.agent.restore_attributes import AttributeWriter
from holdfast.agent.restore_links import Links
from holdfast.agent.target import new_file, new_special
from holdfast.agent.wanted import Wanted
from holdfast.agent.xattrs import MetadataBlob
from holdfast.model import checksum
from holdfast.model.errors import Damaged, HoldfastError, Internal, Unavailable
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

    def __init__(
        self, exchange: Exchange, job_id: str, links: Links, attributes: AttributeWriter, tally: Tally[RestoreReport]
    ) -> None:
        self._exchange = exchange
        self._job_id = job_id
        self._links = links
        self._attributes = attributes
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
        if kind == "d":
            self._attributes.hold(one.name, record.metadata_blob)
            return
        blob = self._attributes.decoded(one, record.metadata_blob)
        if kind == "f":
            given = self._write_file(one, record, blob)
        else:
            given = self._write_special(one, record, blob)
        self._attributes.placed(one, given, blob)

    def _write_file(self, one: Wanted, record: GetRecord, blob: MetadataBlob) -> tuple[list[str], os.stat_result]:
        with new_file(one.directory, one.leaf) as fd:
            end = 0
            for index, data in record.chunks:
                at = end if one.foreign else index
                end = write_at(fd, data, at, one)
            if end != one.attributes.size:
                os.ftruncate(fd, one.attributes.size)
            given = self._attributes.give(one, fd, blob)
            self._links.written(one, given[1])
        return given

    def _write_special(self, one: Wanted, record: GetRecord, blob: MetadataBlob) -> tuple[list[str], os.stat_result]:
        given: list[tuple[list[str], os.stat_result]] = []

        def finish(path: str) -> None:
            given.append(self._attributes.give(one, path, blob))
            self._links.written(one, given[0][1])

        target = b"".join(data for _, data in record.chunks) if one.attributes.kind == "l" else None
        new_special(one.directory, one.leaf, one.attributes, target, finish)
        return given[0]


def write_at(fd: int, data: bytes | bytearray | memoryview, position: int, one: Wanted) -> int:
    """Write all of `data`; the position behind it. Raises OSError, or Damaged for a chunk beyond its file's end."""
    end = position + len(data)
    if end > one.attributes.size:
        raise Damaged(f"it has a chunk that ends at {end}, behind its {one.attributes.size} bytes")
    written = os.pwrite(fd, data, position)
    while written < len(data):
        written += os.pwrite(fd, memoryview(data)[written:], position + written)
    return end


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
