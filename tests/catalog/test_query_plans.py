"""What SQLite does for a statement: hot ones must seek by index whatever the size of a series."""

import re
from collections.abc import Iterator

import pytest

from holdfast.catalog import objects, sql
from holdfast.catalog.objects import PageFilter
from holdfast.catalog.sqlite import SqliteCatalog
from holdfast.catalog.transaction import Tx
from tests.upkeep.ledger import Ledger, view_of


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    ledger = Ledger(SqliteCatalog(tmp_path_factory.mktemp("plans") / "catalog.db"))
    yield ledger
    ledger.catalog.close()


def plan(ledger: Ledger, noun: str, name: str) -> list[str]:
    # As it is run for many values at once: for a few the planner may choose otherwise.
    many = ", ".join(f":each{number}" for number in range(64))
    statement = sql.load(noun)[name].replace("(:each)", f"({many})")
    params = dict.fromkeys(re.findall(r":(\w+)", statement))
    with ledger.catalog.snapshot() as tx:
        return [str(row[3]) for row in tx.all(f"EXPLAIN QUERY PLAN {statement}", params)]


BY_NAME = "USING INDEX objects_by_name"
WHOLE_KEY = f"{BY_NAME} (series_no=? AND name=? AND from_seq=?)"
UP_TO = f"{BY_NAME} (series_no=? AND name=? AND from_seq<?)"
BY_USE = "USING COVERING INDEX object_chunks_by_chunk"
BY_NUMBER = "USING INTEGER PRIMARY KEY (rowid=?)"

SEEKS = [
    ("objects", "page", f"o {BY_NAME} (series_no=? AND name>? AND name<?)"),
    ("objects", "horizon", f"objects {BY_NAME} (series_no=? AND name>? AND name<?)".replace("INDEX", "COVERING INDEX")),
    ("objects", "find_own", f"objects {WHOLE_KEY}"),
    ("objects", "retire_own", f"objects {WHOLE_KEY}"),
    ("objects", "find_inherited", f"objects {UP_TO}"),
    ("objects", "close", "objects USING INDEX objects_by_from (series_no=? AND from_seq=?)"),
    ("objects", "close", f"o {UP_TO}"),
    ("objects", "count_closing", "objects USING INDEX objects_by_from (series_no=? AND from_seq=?)"),
    ("objects", "count_closing", f"o {UP_TO}"),
    ("objects", "count_added", "objects USING INDEX objects_by_from (series_no=? AND from_seq=?)"),
    ("objects", "added_page", "o USING INDEX objects_by_from (series_no=? AND from_seq=? AND rowid>?)"),
    ("objects", "count_open", "objects USING INDEX objects_unlisted (job_no=?)"),
    ("objects", "find_upload", f"objects {BY_NUMBER}"),
    ("objects", "find_by_number", f"o {BY_NUMBER}"),
    ("chunk_index", "find", "chunks USING INDEX chunks_by_id (vault_no=? AND chunk_id=?)"),
    ("chunk_index", "of_objects", "r USING PRIMARY KEY (object_no=?)"),
    ("chunk_index", "of_objects", f"c {BY_NUMBER}"),
    ("vault_keys", "deleted_of_name", "vaults USING INDEX vaults_deleted (name=?)"),
    ("vault_keys", "shredded", "vaults USING INDEX sqlite_autoindex_vaults_1 (uid=?)"),
    ("vault_keys", "mark_old_key", "packs USING INDEX packs_by_vault (vault_no=?)"),
    ("frames", "of_pack", "c USING INDEX chunks_by_pack (pack_no=? AND frame_offset>?)"),
    ("frames", "of_numbers", f"c {BY_NUMBER}"),
    ("damage", "bad_page", "chunks USING COVERING INDEX chunks_bad (bad=? AND rowid>?)"),
    ("chunk_index", "find_possessor", f"r {BY_USE} (chunk_no=? AND series_no=?)"),
    ("chunk_index", "find_possessor", f"o {BY_NUMBER}"),
    ("damage", "references", f"object_chunks {BY_USE} (chunk_no=? AND series_no>?)"),
    ("damage", "references", f"object_chunks {BY_USE} (chunk_no=? AND series_no=? AND object_no>?)"),
    (
        "damage",
        "references",
        f"object_chunks {BY_USE} (chunk_no=? AND series_no=? AND object_no=? AND chunk_index>?)",
    ),
    ("damage", "seen_by", "p USING INDEX sqlite_autoindex_recovery_points_2 (series_no=? AND seq>?)"),
    ("damage", "manifests_of", "m USING COVERING INDEX manifests_by_chunk (chunk_no=?)"),
    ("damage", "records_of", "r USING INDEX records_by_chunk (chunk_no=?)"),
    ("pack_checks", "undated", "p USING INDEX packs_by_verified (verified_us=?)"),
    ("pack_checks", "dated", "p USING INDEX packs_by_verified (verified_us>? AND verified_us<?)"),
    ("pack_checks", "without_parity", "p USING INDEX packs_without_parity (pack_no>?)"),
    ("scope", "objects_from", "o USING INDEX objects_by_from (series_no=? AND from_seq=? AND rowid>?)"),
    ("scope", "chunks_of_object", "object_chunks USING PRIMARY KEY (object_no=? AND chunk_index>?)"),
    (
        "scope",
        "next_from_seq",
        "objects USING COVERING INDEX objects_by_from (series_no=? AND from_seq>? AND from_seq<?)",
    ),
    ("sweep", "unlisted_objects", "objects USING INDEX objects_unlisted (job_no=?)"),
    ("sweep", "objects_from_seq", "objects USING INDEX objects_by_from (series_no=? AND from_seq=?)"),
    ("sweep", "reopen", "objects USING COVERING INDEX objects_by_to (series_no=? AND to_seq=?)"),
    ("sweep", "find_dead_seq", "w USING PRIMARY KEY (vault_no=? AND kind=?)"),
    ("sweep", "find_deleted_point", "w USING PRIMARY KEY (vault_no=? AND kind=?)"),
    ("manifests", "drafts", "manifest_drafts USING PRIMARY KEY (job_no=?)"),
    ("manifests", "frame_ids", "m USING PRIMARY KEY (point_no=?)"),
    ("records", "owes", "owed_records USING PRIMARY KEY (vault_no=? AND kind=? AND subject=?)"),
    ("records", "former", "records USING INDEX records_by_subject (vault_no=? AND kind=? AND subject=?)"),
    ("records", "owe_again", "records USING INDEX records_by_chunk (chunk_no=?)"),
    ("pack_files", "known", "packs USING COVERING INDEX sqlite_autoindex_packs_1 (uid=?)"),
    ("rebuilding", "inherited", f"objects {UP_TO}"),
    ("rebuilding", "written", f"objects {WHOLE_KEY.replace('USING', 'USING COVERING')}"),
    ("rebuilding", "extend_object", f"objects {WHOLE_KEY}"),
    ("rebuilding", "keep_name", "deletions USING PRIMARY KEY (job_no=? AND name=?)"),
    (
        "sweep",
        "objects_between",
        "o USING INDEX objects_by_to (series_no=? AND to_seq=? AND from_seq>? AND from_seq<?)",
    ),
]


@pytest.mark.parametrize(("noun", "name", "seek"), SEEKS, ids=[f"{name} {seek[:9]}" for _, name, seek in SEEKS])
def test_a_hot_statement_seeks_by_index(ledger: Ledger, noun: str, name: str, seek: str) -> None:
    assert f"SEARCH {seek}" in plan(ledger, noun, name)


@pytest.mark.parametrize("noun", ["objects", "sweep", "chunk_index", "frames", "damage", "scope"])
def test_no_statement_reads_all_objects_chunks_or_references(ledger: Ledger, noun: str) -> None:
    for name in sql.load(noun):
        for line in plan(ledger, noun, name):
            assert not re.match(r"SCAN (o|n|r|c|objects|object_chunks|chunks)\b", line), (name, line)


@pytest.mark.parametrize("name", ["page", "added_page", "deletions_page"])
def test_no_page_is_sorted_after_it_was_read(ledger: Ledger, name: str) -> None:
    assert not [line for line in plan(ledger, "objects", name) if "ORDER BY" in line]


def test_a_small_commit_and_a_late_page_cost_nothing_of_a_large_base(ledger: Ledger) -> None:
    """Counted in the database's own work (virtual machine steps), not in time."""
    job = ledger.start("large")
    view = view_of(job)

    def fill(tx: Tx) -> None:
        [first, *_] = objects.take_numbers(tx, 20_000)
        rows = [objects.ObjectRow(first + n, f"f{n:05}", 1, 0, 0, b"m", None, None, None) for n in range(20_000)]
        objects.insert_whole(tx, view, rows)

    ledger.write(fill)
    ledger.commit(job)
    small = ledger.start("large")
    ledger.put(view_of(small), "f00007", 0)
    ledger.delete(view_of(small), "f00008")

    def measured(tx: Tx) -> int:
        writer = ledger.catalog._writer
        steps = 0

        def count() -> bool:
            nonlocal steps
            steps += 100
            return False

        writer.set_progress_handler(count, 100)
        objects.count_change(tx, view_of(small))
        objects.close(tx, view_of(small))
        assert len(objects.page(tx, view_of(small), PageFilter(after="f19000"), 10)) == 10
        writer.set_progress_handler(None)
        return steps

    assert ledger.write(measured) < 5000
