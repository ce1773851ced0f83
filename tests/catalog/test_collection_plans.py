"""What SQLite does for the statements of collection: by index, whatever is kept."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.catalog import packs, sql
from holdfast.catalog.sqlite import SqliteCatalog
from holdfast.catalog.transaction import Tx
from tests.upkeep.ledger import Ledger

SMALL_TABLES = ("condemned", "doomed_packs", "late_packs", "holds", "writers", "stretch", "n")
"""What a statement may read from one end to the other: work that waits, and what it has made itself."""
WAITING = ("USING INDEX packs_of_old_keys", "USING INDEX packs_small")
"""Indexes of nothing but packs that compaction will make fewer."""

SEEKS = [
    ("packs", "unmeasured", "p USING INDEX packs_unmeasured (pack_no>?)"),
    ("packs", "live_bytes", "chunks USING INDEX chunks_by_pack (pack_no=?)"),
    ("packs", "empty", "p USING INDEX packs_by_dead (<expr>>?)"),
    ("packs", "wasteful", "p USING INDEX packs_by_dead (<expr>>?)"),
    ("packs", "totals", "packs USING INTEGER PRIMARY KEY (rowid>?)"),
    ("chunk_index", "sound_frames", "chunks USING INDEX chunks_by_pack (pack_no=?)"),
    ("collect", "delete_unreferenced", "chunks USING INTEGER PRIMARY KEY (rowid=?)"),
    ("collect", "delete_unreferenced", "r USING COVERING INDEX object_chunks_by_chunk (chunk_no=?)"),
    ("collect", "delete_unreferenced", "o USING COVERING INDEX objects_by_metadata_chunk (metadata_chunk_no=?)"),
    ("collect", "delete_unreferenced", "m USING COVERING INDEX manifests_by_chunk (chunk_no=?)"),
    ("collect", "delete_unreferenced", "d USING COVERING INDEX manifest_drafts_by_chunk (chunk_no=?)"),
    ("collect", "delete_unreferenced", "t USING COVERING INDEX records_by_chunk (chunk_no=?)"),
    ("sweep", "condemn_references", "object_chunks USING PRIMARY KEY (object_no=? AND chunk_index<?)"),
]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    ledger = Ledger(SqliteCatalog(tmp_path_factory.mktemp("plans") / "catalog.db"))
    yield ledger
    ledger.catalog.close()


def plan(ledger: Ledger, noun: str, name: str) -> list[str]:
    statements = sql.load(noun)
    statement = statements[name].replace("(:each)", f"({', '.join(f':each{number}' for number in range(64))})")
    if statement.startswith("WHERE"):
        statement = f"{statements['select']} {statement}"
    params = dict.fromkeys(re.findall(r":(\w+)", statement))
    with ledger.catalog.snapshot() as tx:
        return [str(row[3]) for row in tx.all(f"EXPLAIN QUERY PLAN {statement}", params)]


@pytest.mark.parametrize(("noun", "name", "seek"), SEEKS)
def test_a_statement_of_collection_seeks_by_index(ledger: Ledger, noun: str, name: str, seek: str) -> None:
    assert f"SEARCH {seek}" in plan(ledger, noun, name)


@pytest.mark.parametrize("noun", ["packs", "collect", "chores", "holds"])
def test_no_statement_of_collection_reads_what_is_kept(ledger: Ledger, noun: str) -> None:
    for name in sql.load(noun):
        if (noun, name) == ("packs", "select"):
            continue
        for line in plan(ledger, noun, name):
            if line.startswith("SCAN "):
                assert line.split()[1] in SMALL_TABLES or line.endswith(WAITING), (name, line)


def test_a_late_pack_that_a_clock_from_the_future_noted_is_looked_for_once_more_all_the_same(tmp_path: Path) -> None:
    ledger = Ledger(SqliteCatalog(tmp_path / "catalog"))

    def note(tx: Tx) -> None:
        tx.insert(
            "late_packs", ("uid", "vault_uid", "since_us"), [(b"a", b"v", 5), (b"b", b"v", 50), (b"c", b"v", 500)]
        )

    ledger.write(note)
    with ledger.catalog.snapshot() as tx:
        assert sorted(pack.uid for pack in packs.late(tx, 10, 100, 9)) == [b"a", b"c"]
    ledger.catalog.close()
