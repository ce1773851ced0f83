"""Which chunks a recovery point, or all of a source, needs: the rows behind a check of less than everything."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from holdfast.catalog import sql
from holdfast.catalog.transaction import Tx

_SQL = sql.load("scope")

ALL_SEQS = 2**62


@dataclass(frozen=True, slots=True)
class Scope:
    """The kept recovery points of a series with seqs from `lowest` to `highest`."""

    series_no: int
    lowest: int = 0
    highest: int = ALL_SEQS


class ScopedObject(msgspec.Struct, frozen=True, gc=False):
    """An object of the series; `seen` is 1 if a recovery point of the scope sees it."""

    object_no: int
    chunk_count: int
    metadata_chunk_no: int | None
    seen: int


def series_of(tx: Tx, resource_arn: str) -> list[int]:
    """The series of a source, one for each vault that it was backed up to."""
    return [int(row[0]) for row in tx.all(_SQL["series_of"], {"resource_arn": resource_arn})]


def largest_point(tx: Tx, scope: Scope) -> tuple[int, int]:
    """The bytes of the largest kept recovery point of the scope, and how many there are."""
    row = tx.one(_SQL["largest_point"], _key(scope))
    assert row is not None
    return int(row[0]), int(row[1])


def manifest_page(tx: Tx, scope: Scope, after: tuple[int, int], limit: int) -> list[tuple[int, int, int]]:
    """Up to `limit` (seq, part, chunk number) of manifests of the scope, beyond (seq, part), in order."""
    seq, part = (scope.lowest, -1) if after[0] < scope.lowest else after
    rows = tx.all(_SQL["manifest_page"], {**_key(scope), "seq": seq, "part": part, "limit": limit})
    return [(row[0], row[1], row[2]) for row in rows]


def next_from_seq(tx: Tx, scope: Scope, from_seq: int) -> int | None:
    """The next seq beyond `from_seq` that wrote objects, and that the scope can see."""
    row = tx.one(_SQL["next_from_seq"], {**_key(scope), "from_seq": from_seq})
    return None if row is None or row[0] is None else int(row[0])


def objects_from(tx: Tx, scope: Scope, from_seq: int, after: int, limit: int) -> list[ScopedObject]:
    """Up to `limit` objects that `from_seq` wrote, with numbers beyond `after`, ascending; those not seen too."""
    rows = tx.all(_SQL["objects_from"], {**_key(scope), "from_seq": from_seq, "after": after, "limit": limit})
    return [ScopedObject(*row) for row in rows]


def chunks_of_objects(tx: Tx, object_nos: Sequence[int]) -> list[int]:
    """The numbers of all chunks of these objects. The caller bounds their sum."""
    return [int(row[0]) for row in tx.all_of(_SQL["chunks_of_objects"], object_nos)]


def chunks_of_object(tx: Tx, object_no: int, after: int, limit: int) -> list[tuple[int, int]]:
    """Up to `limit` (index, chunk number) of the object, with indexes beyond `after`, ascending."""
    rows = tx.all(_SQL["chunks_of_object"], {"object_no": object_no, "after": after, "limit": limit})
    return [(row[0], row[1]) for row in rows]


def _key(scope: Scope) -> dict[str, int]:
    return {"series_no": scope.series_no, "lowest": scope.lowest, "highest": scope.highest}
