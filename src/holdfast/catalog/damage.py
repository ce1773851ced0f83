"""What a bad chunk means: which objects of which kept recovery points need it, and whose manifest or record it is.

Everything comes in pages that a cursor goes on from, since one chunk may be used by any number of objects.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from holdfast.catalog import sql
from holdfast.catalog.transaction import Tx

_SQL = sql.load("damage")

METADATA_INDEX = -1
"""Stands for the metadata blob where a chunk index is expected."""


class Reference(msgspec.Struct, frozen=True, gc=False):
    """An object that uses a chunk, and at which index; in the series that it is in, or as metadata."""

    series_no: int
    object_no: int
    index: int


BEFORE_ALL = Reference(-1, 0, 0)
AFTER_ALL = Reference(2**62, 0, 0)


@dataclass(frozen=True, slots=True)
class SeenObject:
    """An object as one kept recovery point sees it."""

    series_no: int
    seq: int
    point_uid: str
    resource_arn: str
    name: str


@dataclass(frozen=True, slots=True)
class ManifestOf:
    """The recovery point whose manifest needs a chunk; `state` as in its row."""

    series_no: int
    seq: int
    point_uid: str
    resource_arn: str
    state: str


@dataclass(frozen=True, slots=True)
class RecordOf:
    """The record that a chunk is: its vault, kind and subject."""

    vault_name: str
    kind: str
    subject: str


def bad_page(tx: Tx, after: int, limit: int) -> list[int]:
    """Up to `limit` numbers of bad chunks beyond `after`, ascending."""
    return [int(row[0]) for row in tx.all(_SQL["bad_page"], {"after": after, "limit": limit})]


def count_bad(tx: Tx) -> int:
    """Chunks that are bad and were not healed yet."""
    row = tx.one(_SQL["count_bad"])
    assert row is not None
    return int(row[0])


def references(tx: Tx, chunk_no: int, after: Reference, limit: int) -> list[Reference]:
    """Up to `limit` references to the chunk beyond `after`, by series, object number and index."""
    key = {
        "chunk_no": chunk_no,
        "series_no": after.series_no,
        "object_no": after.object_no,
        "chunk_index": after.index,
        "limit": limit,
    }
    return [Reference(*row) for row in tx.all(_SQL["references"], key)]


def seen_by(tx: Tx, object_no: int, after_seq: int, limit: int) -> list[SeenObject]:
    """Up to `limit` kept recovery points that see the object, with seqs beyond `after_seq`, ascending."""
    rows = tx.all(_SQL["seen_by"], {"object_no": object_no, "after": after_seq, "limit": limit})
    return [SeenObject(*row) for row in rows]


def manifests_of(tx: Tx, chunk_nos: Sequence[int]) -> list[ManifestOf]:
    """The recovery points that have a part of their manifest in these chunks."""
    rows = (row for chunk_no in chunk_nos for row in tx.all(_SQL["manifests_of"], {"chunk_no": chunk_no}))
    return [ManifestOf(*row) for row in rows]


def records_of(tx: Tx, chunk_no: int) -> list[RecordOf]:
    """The records that are in this chunk."""
    return [RecordOf(*row) for row in tx.all(_SQL["records_of"], {"chunk_no": chunk_no})]


def damaged_objects(tx: Tx, object_nos: Sequence[int]) -> set[int]:
    """Those of the objects that use a bad chunk; where nothing is bad, which is nearly always, one look tells."""
    if tx.one(_SQL["any_bad"]) is None:
        return set()
    return {row[0] for row in tx.all_of(_SQL["damaged_objects"], object_nos)}
