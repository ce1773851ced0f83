"""Rows of objects: uploads, the objects of a job, and the views that readers see.

Which rows a view holds is said at the head of `migrations/0001_start.sql`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from holdfast.catalog import sql
from holdfast.catalog.transaction import Tx

_SQL = sql.load("objects")

_NO_TIME = -(2**62)
_ALL_TIME = 2**62
_NAME_CEILING = "\U0010ffff" * 1025
"""Greater than every name: names have at most 4096 bytes, 1024 characters of the greatest code point."""

_BEFORE_ANY_CHARACTER = "\x01"
"""Behind a name it makes the least text beyond that name: names have no control characters."""

_NEVER = 2**63 - 1
"""The to_seq of an object that nothing has ended."""

_COLUMNS = (
    "object_no",
    "series_no",
    "job_no",
    "name",
    "state",
    "from_seq",
    "to_seq",
    "throw_on_duplicate",
    "completed_us",
    "chunk_count",
    "bytes",
    "sealed_checksum",
    "metadata_string",
    "metadata_chunk_no",
    "metadata_bytes",
)


@dataclass(frozen=True, slots=True)
class View:
    """What a reader sees: the series at `seq`, and for a running backup job (`own` > 0) its own changes on top."""

    series_no: int
    seq: int
    own: int = 0
    job_no: int = 0


class ObjectRow(msgspec.Struct, frozen=True, gc=False):
    """An object that is whole."""

    object_no: int
    name: str
    completed_us: int
    chunk_count: int
    total_bytes: int
    sealed_checksum: bytes
    metadata_string: str | None
    metadata_chunk_no: int | None
    metadata_bytes: int | None


@dataclass(frozen=True, slots=True)
class UploadRow:
    """An object that its job is writing, has written (WHOLE) or has replaced again (GONE)."""

    object_no: int
    name: str
    state: str
    throw_on_duplicate: int
    sealed_checksum: bytes | None
    metadata_string: str | None
    metadata_bytes: int | None


@dataclass(frozen=True, slots=True)
class PageFilter:
    """Which objects of a view: names from `lowest` on (inclusive), after `after`, below `highest`, times exclusive."""

    lowest: str = ""
    after: str = ""
    highest: str = _NAME_CEILING
    created_after: int = _NO_TIME
    created_before: int = _ALL_TIME

    @property
    def is_timed(self) -> bool:
        """Whether objects are left out for their times: then any number in a row may be."""
        return (self.created_after, self.created_before) != (_NO_TIME, _ALL_TIME)


def take_numbers(tx: Tx, count: int) -> Sequence[int]:
    """Numbers for so many new objects, ascending, to be inserted in this transaction; none is used twice."""
    return tx.numbers("objects", count)


def insert_upload(tx: Tx, view: View, name: str, throw_on_duplicate: bool) -> int:
    """A new open upload of a running job; its number."""
    [object_no] = take_numbers(tx, 1)
    row = (object_no, view.series_no, view.job_no, name, "OPEN", None, _NEVER, throw_on_duplicate)
    tx.insert("objects", _COLUMNS, [(*row, None, 0, 0, None, None, None, None)])
    return object_no


def insert_whole(tx: Tx, view: View, objects: Sequence[ObjectRow]) -> None:
    """New whole objects of a running job, numbered by `take_numbers`; the names must be free."""
    tx.insert(
        "objects",
        _COLUMNS,
        [
            (
                one.object_no,
                view.series_no,
                view.job_no,
                one.name,
                "WHOLE",
                view.own,
                _NEVER,
                False,
                one.completed_us,
                one.chunk_count,
                one.total_bytes,
                one.sealed_checksum,
                one.metadata_string,
                one.metadata_chunk_no,
                one.metadata_bytes,
            )
            for one in objects
        ],
    )


def find_upload(tx: Tx, job_no: int, object_no: int) -> UploadRow | None:
    """The upload of that number in that job, or None."""
    return _upload(tx, "find_upload", job_no, object_no)


def find_upload_to_add(tx: Tx, job_no: int, object_no: int) -> UploadRow | None:
    """As `find_upload`; nobody ends the upload before this transaction has ended."""
    return _upload(tx, "find_upload_to_add", job_no, object_no)


def find_upload_to_end(tx: Tx, job_no: int, object_no: int) -> UploadRow | None:
    """As `find_upload`; nobody adds to the upload or ends it from here to the end of this transaction."""
    return _upload(tx, "find_upload_to_end", job_no, object_no)


def complete(tx: Tx, view: View, done: ObjectRow) -> None:
    """Makes an open upload an object of the job's view. The name must have been freed by `retire`."""
    tx.run(
        _SQL["complete"],
        {
            "object_no": done.object_no,
            "own": view.own,
            "completed_us": done.completed_us,
            "chunk_count": done.chunk_count,
            "bytes": done.total_bytes,
            "sealed_checksum": done.sealed_checksum,
            "metadata_string": done.metadata_string,
            "metadata_chunk_no": done.metadata_chunk_no,
            "metadata_bytes": done.metadata_bytes,
        },
    )


def retire(tx: Tx, view: View, names: Sequence[str]) -> None:
    """Takes the job's own objects of these names out of its view."""
    tx.run_of(_SQL["retire_own"], names, {"series_no": view.series_no, "own": view.own})


def delete(tx: Tx, view: View, name: str) -> bool:
    """Removes `name` from the view of a running job; False if the view never held it."""
    present = find(tx, view, name) is not None
    if not present:
        return tx.one(_SQL["find_deletion"], {"job_no": view.job_no, "name": name}) is not None
    retire(tx, view, [name])
    tx.run(_SQL["insert_deletion"], {"job_no": view.job_no, "name": name})
    return True


def find(tx: Tx, view: View, name: str) -> tuple[int, bytes] | None:
    """Number and sealed checksum of the object called `name` in the view, or None."""
    key = {"series_no": view.series_no, "name": name, "seq": view.seq, "own": view.own}
    if view.own:
        row = tx.one(_SQL["find_own"], key)
        if row is not None:
            return row[0], row[1]
        if tx.one(_SQL["find_deletion"], {"job_no": view.job_no, "name": name}) is not None:
            return None
    row = tx.one(_SQL["find_inherited"], key)
    return (row[0], row[1]) if row else None


def page(tx: Tx, view: View, chosen: PageFilter, limit: int) -> list[ObjectRow]:
    """Up to `limit` objects of the view in ascending order of names by UTF-8 bytes."""
    rows = tx.all(
        _SQL["page"],
        {
            "series_no": view.series_no,
            "seq": view.seq,
            "own": view.own,
            "job_no": view.job_no,
            # One lower bound, the greater: with two, the database may start at the smaller and read everything again.
            "lowest": max(chosen.lowest, chosen.after),
            "after": chosen.after,
            "highest": chosen.highest,
            "created_after": chosen.created_after,
            "created_before": chosen.created_before,
            "limit": limit,
        },
    )
    return [ObjectRow(*row) for row in rows]


def horizon(tx: Tx, view: View, chosen: PageFilter, looks: int) -> PageFilter | None:
    """The names of `chosen` that the next `looks` rows and their like have; None where that is all of them."""
    row = tx.one(
        _SQL["horizon"],
        {
            "series_no": view.series_no,
            "lowest": max(chosen.lowest, chosen.after),
            "after": chosen.after,
            "highest": chosen.highest,
            "looks": looks,
        },
    )
    return None if row is None else replace(chosen, highest=row[0] + _BEFORE_ANY_CHARACTER)


def find_by_number(tx: Tx, view: View, object_nos: Sequence[int]) -> dict[int, ObjectRow]:
    """The objects of those numbers that the view may see, by number."""
    rows = tx.all_of(
        _SQL["find_by_number"], object_nos, {"series_no": view.series_no, "seq": view.seq, "own": view.own}
    )
    return {row[0]: ObjectRow(*row) for row in rows}


def count_open(tx: Tx, job_no: int) -> int:
    """Uploads of the job that nobody completed."""
    row = tx.one(_SQL["count_open"], {"job_no": job_no})
    assert row is not None
    return int(row[0])


def drop_open(tx: Tx, job_no: int) -> None:
    """Gives up the job's open uploads."""
    tx.run(_SQL["drop_open"], {"job_no": job_no})


@dataclass(frozen=True, slots=True)
class Change:
    """What a job changes in number of objects and bytes of the view, against its base."""

    objects: int
    total_bytes: int


def count_change(tx: Tx, view: View) -> Change:
    """The difference that a commit makes; costs what the job changed."""
    key = {"series_no": view.series_no, "seq": view.seq, "own": view.own, "job_no": view.job_no}
    added = tx.one(_SQL["count_added"], {"series_no": view.series_no, "own": view.own})
    closing = tx.one(_SQL["count_closing"], key) if view.seq else (0, 0)
    assert added is not None
    assert closing is not None
    return Change(objects=added[0] - closing[0], total_bytes=added[1] - closing[1])


def close(tx: Tx, view: View) -> None:
    """Ends, at the job's seq, every inherited object that the job replaced or deleted."""
    if view.seq == 0:
        return  # nothing is inherited
    tx.run(_SQL["close"], {"series_no": view.series_no, "seq": view.seq, "own": view.own, "job_no": view.job_no})


def added_page(tx: Tx, view: View, after: int, limit: int) -> list[ObjectRow]:
    """Up to `limit` objects that the job added, in order of their numbers, from beyond `after`."""
    rows = tx.all(_SQL["added_page"], {"series_no": view.series_no, "own": view.own, "after": after, "limit": limit})
    return [ObjectRow(*row) for row in rows]


def deletions_page(tx: Tx, job_no: int, after: str, limit: int) -> list[str]:
    """Up to `limit` names that the job deleted, in order, from beyond `after`."""
    return [str(row[0]) for row in tx.all(_SQL["deletions_page"], {"job_no": job_no, "after": after, "limit": limit})]


def _upload(tx: Tx, statement: str, job_no: int, object_no: int) -> UploadRow | None:
    row = tx.one(_SQL[statement], {"object_no": object_no, "job_no": job_no})
    return UploadRow(*row) if row else None
