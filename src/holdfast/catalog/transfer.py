"""The rows of a whole catalog, page by page, on their way into another database of either kind.

What is always true here: every table of the schema is either in `TABLES`, with all of its columns, or in `LEFT` with
the reason why it stays behind (a test compares both with both databases). Rows keep their numbers, and the counters
that new numbers come from go along, so that no number that was ever given is given again. Tables are in an order in
which each refers only to those before it; rows are read in the order of their keys, which is that of the bytes of a
text on either side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from holdfast.catalog import sql
from holdfast.catalog.transaction import Row, Tx

_SQL = sql.load("transfer")


@dataclass(frozen=True, slots=True)
class Table:
    """A table that goes along. `key` tells rows apart and orders them; `counted` is the column that counts rows."""

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    counted: str | None = None

    def key_of(self, row: Row) -> Row:
        """The key's part of a row."""
        return tuple(row[self.columns.index(column)] for column in self.key)


def _table(name: str, key: str, others: str, *, counted: bool = False) -> Table:
    keys = tuple(key.split())
    return Table(name, keys, keys + tuple(others.split()), key if counted else None)


TABLES = (
    _table(
        "vaults",
        "vault_no",
        "uid name creator_request_id encryption_key_arn created_us options retired_us revision shredded_us key_number",
        counted=True,
    ),
    _table("series", "series_no", "vault_no resource_arn resource_type last_seq", counted=True),
    _table("dead_seqs", "series_no seq", ""),
    _table(
        "backup_jobs",
        "job_no",
        "uid series_no seq base_seq point_uid state message role_arn idempotency_token options created_us touched_us"
        " lease_us finished_us swept edition",
        counted=True,
    ),
    _table("deletions", "job_no name", ""),
    _table(
        "recovery_points",
        "point_no",
        "uid series_no seq job_no state object_count bytes created_us completed_us",
        counted=True,
    ),
    _table("manifests", "point_no part", "chunk_no"),
    _table("manifest_drafts", "job_no part", "chunk_no"),
    _table(
        "restore_jobs",
        "job_no",
        "uid point_no point_uid state message role_arn resource_type metadata idempotency_token created_us touched_us"
        " lease_us finished_us",
        counted=True,
    ),
    _table(
        "objects",
        "object_no",
        "series_no job_no name state from_seq to_seq throw_on_duplicate completed_us chunk_count bytes sealed_checksum"
        " metadata_string metadata_chunk_no metadata_bytes",
        counted=True,
    ),
    _table("object_chunks", "object_no chunk_index", "chunk_no series_no"),
    _table(
        "packs",
        "pack_no",
        "uid vault_no writer_no bytes dead_bytes exhausted verified_us parity_percent old_key",
        counted=True,
    ),
    _table(
        "chunks",
        "chunk_no",
        "vault_no chunk_id sealed_digest raw_bytes pack_no frame_offset frame_bytes bad",
        counted=True,
    ),
    _table("doomed_packs", "uid", "vault_uid"),
    _table("late_packs", "uid", "vault_uid since_us"),
    _table("condemned", "chunk_no", ""),
    _table("records", "record_no", "vault_no kind subject resource_arn number since_us chunk_no", counted=True),
    _table("owed_records", "vault_no kind subject", "resource_arn number since_us"),
    _table("holds", "reason", "since_us"),
    _table("announced", "one", "packs"),
)

LEFT = {
    "writers": "who writes there does not write here; only the counter of their numbers goes along",
    "chores": "whoever is at a chore is at it there",
    "freezes": "each place has its own, and the move is told by them",
    "identity": "what a node must bring along is written down anew from the keys that came",
    "witnesses": "of transactions of the other database",
    "schema_steps": "of the schema of the other database",
}

_WRITERS = Table("writers", ("writer_no",), ("writer_no",), "writer_no")
_COUNTED = tuple(table for table in (*TABLES, _WRITERS) if table.counted)
_ALWAYS_THERE = "announced"


@dataclass(frozen=True, slots=True)
class PackToMove:
    """A pack; `bytes_needed` covers every frame that a row refers to, and is the whole length of a measured one."""

    pack_no: int
    uid: bytes
    vault_uid: bytes
    is_measured: bool
    parity_percent: int
    bytes_needed: int


@dataclass(frozen=True, slots=True)
class ManifestPart:
    """Where a part of a recovery point's manifest is."""

    point_no: int
    part: int
    point_uid: str
    chunk_no: int


def page(tx: Tx, table: Table, after: Row | None, limit: int) -> list[Row]:
    """Up to `limit` rows with keys beyond `after`, ascending; the columns as `table` names them."""
    beyond = ""
    if after is not None:
        places = ", ".join(f":key{number}" for number in range(len(table.key)))
        beyond = (
            f"WHERE ({', '.join(table.key)}) > ({places})" if len(table.key) > 1 else f"WHERE {table.key[0]} > :key0"
        )
    statement = (
        f"SELECT {', '.join(table.columns)} FROM {table.name} {beyond} ORDER BY {', '.join(table.key)} LIMIT :limit"  # noqa: S608 - our own words
    )
    return tx.all(statement, {"limit": limit, **{f"key{number}": value for number, value in enumerate(after or ())}})


def keep(tx: Tx, table: Table, rows: Sequence[Row]) -> None:
    """New rows, as `page` gave them."""
    tx.insert(table.name, table.columns, rows)


def clear(tx: Tx) -> None:
    """Removes every row of what goes along."""
    names = [table.name for table in reversed(TABLES)]
    if _is_postgresql(tx):
        tx.run(f"TRUNCATE {', '.join(names)}")
        return
    for name in names:
        tx.run(f"DELETE FROM {name}")  # noqa: S608 - our own words


def is_untouched(tx: Tx) -> bool:
    """Whether nobody has ever put anything into this catalog."""
    for table in (*TABLES, _WRITERS):
        if table.name != _ALWAYS_THERE and tx.all(f"SELECT 1 FROM {table.name} LIMIT 1"):  # noqa: S608 - our own words
            return False
    return not tx.all(_SQL["was_announced"]) and not tx.all(_SQL["has_identity"])


def counters(tx: Tx) -> dict[str, int]:
    """The highest number ever given to a row of each table that counts; 0 for none."""
    found: dict[str, int] = {}
    for table in _COUNTED:
        row = tx.one(f"SELECT coalesce(max({table.counted}), 0) FROM {table.name}")  # noqa: S608 - our own words
        assert row is not None
        found[table.name] = int(row[0])
    if _is_postgresql(tx):
        for table in _COUNTED:
            row = tx.one(f"SELECT last_value, is_called FROM {_sequence(table)}")  # noqa: S608 - our own words
            assert row is not None
            found[table.name] = max(found[table.name], int(row[0]) if row[1] else 0)
    else:
        for name, number in tx.all(_SQL["sqlite_counters"]):
            found[str(name)] = max(found.get(str(name), 0), int(number))
    return found


def advance(tx: Tx, wanted: Mapping[str, int]) -> None:
    """From here on every new number is beyond `wanted`, and beyond those that are here already.

    On SQLite only some tables remember numbers of rows that are gone; the others give the next one after the highest
    that is there, as they always did.
    """
    own = counters(tx)
    for table in _COUNTED:
        number = max(own[table.name], wanted.get(table.name, 0))
        if number == 0:
            continue
        if _is_postgresql(tx):
            tx.one(f"SELECT setval('{_sequence(table)}', :number, true)", {"number": number})
        elif table.name in _REMEMBERED:
            given = {"name": table.name, "number": number}
            if tx.run(_SQL["sqlite_advance"], given) == 0:
                tx.run(_SQL["sqlite_begin_counting"], given)


def packs(tx: Tx, after: int, limit: int) -> list[PackToMove]:
    """Up to `limit` packs with numbers beyond `after`, ascending."""
    rows = tx.all(_SQL["packs"], {"after": after, "limit": limit})
    return [PackToMove(row[0], row[1], row[2], bool(row[3]), row[4], row[5]) for row in rows]


def manifest_parts(tx: Tx, after: tuple[int, int], limit: int) -> list[ManifestPart]:
    """Up to `limit` parts of manifests beyond `after` (point, part), ascending."""
    rows = tx.all(_SQL["manifest_parts"], {"point_no": after[0], "part": after[1], "limit": limit})
    return [ManifestPart(*row) for row in rows]


_REMEMBERED = frozenset({"objects", "chunks", "writers"})
"""Tables that count with AUTOINCREMENT on SQLite."""


def _is_postgresql(tx: Tx) -> bool:
    row = tx.one(_SQL["is_postgresql"])
    assert row is not None
    return bool(row[0])


def _sequence(table: Table) -> str:
    return f"{table.name}_{table.counted}_seq"
