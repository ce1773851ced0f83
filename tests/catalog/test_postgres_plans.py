"""What PostgreSQL does for a statement: hot ones seek by index, whatever is kept and whatever it knows about it.

A statement is prepared once for all values, in a session such as the service's own, so the plan seen here is the one
that is run. It must be good before the tables were ever analysed as well as after.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from psycopg import Connection

from holdfast.catalog import chunk_index, objects, packs, sql
from holdfast.catalog.chunk_index import NewChunk
from holdfast.catalog.objects import ObjectRow
from holdfast.catalog.postgres import PostgresCatalog
from holdfast.catalog.postgres_connections import connect
from holdfast.catalog.postgres_options import PostgresOptions
from holdfast.catalog.postgres_sql import translated
from holdfast.catalog.transaction import Row, Tx
from scripts.servers.postgres import Postgres
from tests.upkeep.ledger import NOW, Ledger, view_of

OBJECTS, REPLACED = 6000, 200
PER_PACK = 10
NUMBERS = {"bytes", "live_bytes", "key_number"}
"""Parameters whose type the server cannot tell by where they stand; the service says it of each number."""


@dataclass(frozen=True)
class Read:
    """How a plan reads a table: by which index (None: all of it), and what it seeks there."""

    table: str
    index: str | None
    sought: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.index or self.table} ({' '.join(self.sought)})"

    @property
    def grows(self) -> bool:
        """Whether it takes longer the more is kept."""
        return self.table in KEPT and str(self) not in SHORT and not set(self.sought) - {"series_no=", "vault_no="}


def fill(ledger: Ledger, one_with_metadata_of: int) -> None:
    """Some thousand objects with chunks in hundreds of packs; then a point that replaced some, and a running job.

    One of so many has its metadata in a chunk.
    """
    for count in (OBJECTS, REPLACED):
        job = ledger.start("large")
        ledger.write(partial(_objects, ledger.vault_no, view_of(job), count, one_with_metadata_of))
        ledger.commit(job)
    stopped, running = ledger.start("other"), ledger.start("large")
    ledger.put(view_of(stopped), "f", 1)
    ledger.abort(stopped)
    ledger.put(view_of(running), "f00007", 3)
    ledger.delete(view_of(running), "f00008")
    ledger.upload(view_of(running), "f00009", 2)
    ledger.write(_measure)


def _objects(vault_no: int, view: objects.View, count: int, one_with_metadata_of: int, tx: Tx) -> None:
    numbers = objects.take_numbers(tx, count)
    chunks = []
    for start in range(0, count, PER_PACK):
        some = numbers[start : start + PER_PACK]
        pack = some[0].to_bytes(16, "big")
        packs.register(tx, b"v" * 16, pack, 0)
        chunks += [NewChunk(n.to_bytes(32, "big"), b"d" * 32, 10, pack, n * 100, 100) for n in some]
    chunk_nos = chunk_index.record(tx, vault_no, chunks)
    rows = [
        ObjectRow(n, f"f{k:05}", NOW, 1, 10, b"m", None, None, None)
        if (k + 1) % one_with_metadata_of
        else ObjectRow(n, f"f{k:05}", NOW, 1, 10, b"m", None, chunk_no, 10)
        for k, (n, chunk_no) in enumerate(zip(numbers, chunk_nos, strict=True))
    ]
    objects.insert_whole(tx, view, rows)
    chunk_index.refer(tx, view.series_no, [(n, 0, chunk_no) for n, chunk_no in zip(numbers, chunk_nos, strict=True)])


def _measure(tx: Tx) -> None:
    for pack in packs.unmeasured(tx, 0, OBJECTS)[:-1]:
        packs.measure(tx, pack.pack_no, 100 * PER_PACK + 48)
        tx.run(
            "UPDATE packs SET verified_us = :now_us WHERE pack_no = :pack_no", {"now_us": NOW, "pack_no": pack.pack_no}
        )


@pytest.fixture(scope="module", params=["never analysed", "analysed", "analysed, no metadata in chunks"])
def session(request: pytest.FixtureRequest, postgres_server: Postgres) -> Iterator[Connection[Row]]:
    name = postgres_server.new_database()
    options = PostgresOptions(postgres_server.url(name))
    ledger = Ledger(PostgresCatalog(options))
    fill(ledger, 7 if request.param != "analysed, no metadata in chunks" else 2 * OBJECTS)
    ledger.catalog.close()
    with connect(options) as connection:
        if request.param != "never analysed":
            connection.execute("ANALYZE")
        yield connection
    postgres_server.drop_database(name)


def reads(session: Connection[Row], noun: str, name: str) -> list[Read]:
    """Every look that the plan of the statement takes into a table."""
    statements = sql.load(noun)
    statement = statements[name]
    if statement.startswith("WHERE"):
        statement = f"{statements['select']} {statement}"
    text, words = translated(statement)
    kinds = f"({', '.join('int8' if word in NUMBERS else 'unknown' for word in words)})" if words else ""
    session.execute(f"PREPARE planned{kinds} AS {text}".encode())
    try:
        values = f"({', '.join(['NULL'] * len(words))})" if words else ""
        found = session.execute(f"EXPLAIN (COSTS OFF, FORMAT JSON) EXECUTE planned{values}".encode()).fetchall()
    finally:
        session.execute("DEALLOCATE planned")
    [[[plan]]] = found
    return list(_reads(plan["Plan"]))


def _reads(node: dict[str, Any]) -> Iterator[Read]:
    if "Relation Name" in node and node["Node Type"] != "ModifyTable":
        sought = re.findall(r"\(\(?(?:\w+\.)?(\w+ (?:=|<|>|<=|>=)) ", node.get("Index Cond", ""))
        yield Read(node["Relation Name"], node.get("Index Name"), tuple(word.replace(" ", "") for word in sought))
    for below in node.get("Plans", ()):
        yield from _reads(below)


KEPT = ("objects", "object_chunks", "chunks", "packs")
SHORT = {
    f"{index} ()"
    for index in ("chunks_bad", "packs_unmeasured", "packs_of_old_keys", "packs_small", "packs_by_dead", "packs_pkey")
}
"""What may be read from one end: indexes of what waits for work; and the greatest number of a pack is at an end."""

WHOLE_KEY = "objects_by_name (series_no= name= from_seq=)"
UP_TO = "objects_by_name (series_no= name= from_seq<=)"
ADDED = "objects_by_from (series_no= from_seq=)"
SEEKS = [
    ("objects", "find_upload", "objects_pkey (object_no=)"),
    ("objects", "find_own", WHOLE_KEY),
    ("objects", "find_inherited", UP_TO),
    ("objects", "page", "objects_by_name (series_no= name>= name<)"),
    ("objects", "page", WHOLE_KEY),
    ("objects", "horizon", "objects_by_name (series_no= name>= name<)"),
    ("objects", "find_by_number", "objects_pkey (object_no=)"),
    ("objects", "count_open", "objects_unlisted (job_no=)"),
    ("objects", "count_added", ADDED),
    ("objects", "count_closing", ADDED),
    ("objects", "count_closing", UP_TO),
    ("objects", "count_closing", "objects_pkey (object_no=)"),
    ("objects", "close", ADDED),
    ("objects", "close", UP_TO),
    ("objects", "close", "objects_pkey (object_no=)"),
    ("objects", "added_page", "objects_by_from (series_no= from_seq= object_no>)"),
    ("chunk_index", "find", "chunks_by_id (vault_no= chunk_id=)"),
    ("chunk_index", "find_sound", "chunks_by_id (vault_no= chunk_id=)"),
    ("chunk_index", "find_sound", "packs_pkey (pack_no=)"),
    ("chunk_index", "page", "object_chunks_pkey (object_no= chunk_index>)"),
    ("chunk_index", "page", "chunks_pkey (chunk_no=)"),
    ("chunk_index", "of_objects", "object_chunks_pkey (object_no=)"),
    ("chunk_index", "of_objects", "chunks_pkey (chunk_no=)"),
    ("chunk_index", "of_added", "objects_by_from (series_no= from_seq= object_no> object_no<=)"),
    ("chunk_index", "find_by_number", "chunks_pkey (chunk_no=)"),
    ("chunk_index", "find_possessor", "object_chunks_by_series (chunk_no= series_no=)"),
    ("chunk_index", "find_possessor", "objects_pkey (object_no=)"),
    ("frames", "of_pack", "chunks_by_pack (pack_no= frame_offset>=)"),
    ("frames", "of_numbers", "chunks_pkey (chunk_no=)"),
    ("packs", "live_bytes", "chunks_by_pack (pack_no=)"),
    ("packs", "exhaust", "chunks_by_pack (pack_no=)"),
    ("packs", "exhaust", "packs_pkey (pack_no=)"),
    ("packs", "is_empty", "chunks_by_pack (pack_no=)"),
    ("packs", "is_empty", "packs_pkey (pack_no=)"),
    ("collect", "delete_unreferenced", "chunks_pkey (chunk_no=)"),
    ("collect", "delete_unreferenced", "object_chunks_by_series (chunk_no=)"),
    ("collect", "delete_unreferenced", "objects_by_metadata_chunk (metadata_chunk_no=)"),
    ("sweep", "objects_from_seq", ADDED),
    ("sweep", "reopen", "objects_by_to (series_no= to_seq=)"),
    ("sweep", "objects_between", "objects_by_to (series_no= to_seq= from_seq> from_seq<=)"),
    ("sweep", "condemn_references", "object_chunks_pkey (object_no= chunk_index<=)"),
    ("sweep", "condemn_all_references", "object_chunks_pkey (object_no=)"),
    ("sweep", "drop_all_references", "object_chunks_pkey (object_no=)"),
    ("sweep", "condemn_metadata", "objects_pkey (object_no=)"),
    ("sweep", "drop_objects", "objects_pkey (object_no=)"),
]


@pytest.mark.parametrize(("noun", "name", "seek"), SEEKS, ids=[f"{name} {seek.split()[0]}" for _, name, seek in SEEKS])
def test_a_hot_statement_seeks_by_index(session: Connection[Row], noun: str, name: str, seek: str) -> None:
    assert seek in [str(read) for read in reads(session, noun, name)]


NOUNS = ["objects", "sweep", "chunk_index", "frames", "damage", "scope", "packs", "collect", "condemned", "manifests"]


@pytest.mark.parametrize("noun", NOUNS)
def test_no_statement_reads_all_of_what_is_kept(session: Connection[Row], noun: str) -> None:
    if noun == "packs":
        # Compaction asks them now and then, of packs, which are few: it may wait until the table is known.
        session.execute("ANALYZE packs")
    found = {
        name: [str(read) for read in reads(session, noun, name) if read.grows]
        for name in sql.load(noun)
        if (noun, name) != ("packs", "select")
    }
    assert {name: growing for name, growing in found.items() if growing} == {}


def test_names_are_replaced_by_their_whole_key_once_the_tables_were_analysed(session: Connection[Row]) -> None:
    """Before, the server takes a seq of a series for a handful of rows, and reads all that the job has written."""
    session.execute("ANALYZE objects")
    assert [str(read) for read in reads(session, "objects", "retire_own")] == [WHOLE_KEY]
