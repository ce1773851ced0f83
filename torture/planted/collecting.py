"""Bugs of those that remove and move what is stored: references overlooked, rows and files in the wrong order."""

from torture.planted.bug import Bug, bug

_COLLECTING = "tests/concurrency/test_collecting.py"
_REFERRING = "tests/concurrency/test_referring.py"
_COMPACTING = "tests/concurrency/test_compacting.py"
_READING = "tests/concurrency/test_reading.py"
_UPLOADING = "tests/concurrency/test_uploading.py"
_KEEPS = f"{_REFERRING}::test_the_collector_keeps_whatever_something_refers_to"
_SEALED = f"{_REFERRING}::test_the_collector_keeps_manifests_records_and_drafts"
_RE_USED = f"{_COLLECTING}::test_a_duplicate_that_is_collected_between_look_up_and_reference_is_written_anew"
_ORDER = f"{_COLLECTING}::test_a_row_of_a_pack_goes_before_its_file"
_PAUSED = f"{_COLLECTING}::test_a_collector_that_was_paused_while_another_took_over_removes_nothing"
_SQL = "catalog/statements/collect.sql"

_OBJECTS = "  AND NOT EXISTS (SELECT 1 FROM object_chunks r WHERE r.chunk_no = chunks.chunk_no)\n"
_METADATA = "  AND NOT EXISTS (SELECT 1 FROM objects o WHERE o.metadata_chunk_no = chunks.chunk_no)\n"
_MANIFESTS = "  AND NOT EXISTS (SELECT 1 FROM manifests m WHERE m.chunk_no = chunks.chunk_no)\n"
_DRAFTS = "  AND NOT EXISTS (SELECT 1 FROM manifest_drafts d WHERE d.chunk_no = chunks.chunk_no)\n"
_RECORDS = "  AND NOT EXISTS (SELECT 1 FROM records t WHERE t.chunk_no = chunks.chunk_no)\n"

BUGS: tuple[Bug, ...] = (
    bug(
        "The collector ignores open uploads",
        "G3",
        _SQL,
        _OBJECTS,
        "  AND NOT EXISTS (SELECT 1 FROM object_chunks r JOIN objects o ON o.object_no = r.object_no\n"
        "                  WHERE r.chunk_no = chunks.chunk_no AND o.state <> 'OPEN')\n",
        _KEEPS,
    ),
    bug("The collector ignores the chunks of objects", "G3", _SQL, _OBJECTS, "", _KEEPS),
    bug("The collector ignores metadata blobs", "G3", _SQL, _METADATA, "", _KEEPS),
    bug("The collector ignores manifests", "G5", _SQL, _MANIFESTS, "", _SEALED),
    bug("The collector ignores manifests that are being written", "G5", _SQL, _DRAFTS, "", _SEALED),
    bug("The collector ignores records of deletions and vaults", "G5", _SQL, _RECORDS, "", _SEALED),
    Bug(
        "The collector does not look at the references again",
        "G3",
        _SQL,
        ((_OBJECTS, ""), (_METADATA, ""), (_MANIFESTS, ""), (_DRAFTS, ""), (_RECORDS, "")),
        (f"{_COLLECTING}::test_a_condemned_chunk_that_is_reused_before_it_is_deleted_stays", _KEEPS),
    ),
    bug(
        "A deleted point is swept while a running job builds on it",
        "G3",
        "catalog/statements/sweep.sql",
        "j.base_seq = p.seq\n                  AND j.state IN ('RUNNING', 'COMMITTING'))",
        "j.base_seq = p.seq\n                  AND j.state IN ('COMMITTING'))",
        "tests/upkeep/test_sweeping.py::test_the_base_of_a_running_job_is_swept_only_after_it",
    ),
    bug(
        "A deleted point that a running job builds on is declared dead",
        "G3",
        "catalog/recovery_points.py",
        "        floor = max(floor, base_seq)\n",
        "        floor = max(floor, min(base_seq, 0))\n",
        _KEEPS,
        f"{_READING}::test_a_job_that_begins_while_its_base_is_deleted_has_it_or_has_it_not",
    ),
    bug(
        "What an older kept point sees is swept with a deleted one",
        "G3",
        "catalog/statements/sweep.sql",
        "  AND o.from_seq > :previous_seq AND o.from_seq <= :seq\n",
        "  AND o.from_seq > :previous_seq - 9 AND o.from_seq <= :seq\n",
        _KEEPS,
    ),
    bug(
        "A duplicate is taken for granted without asking in the transaction",
        "G1",
        "dataplane/intake.py",
        "        if chunk is None or chunk.bad:\n            raise _KnownNoMore\n        numbers[chunk_id] = chunk",
        "        numbers[chunk_id] = 1 if chunk is None else chunk",
        _RE_USED,
    ),
    bug(
        "A chunk that may be claimed is not looked up again in the transaction",
        "G2",
        "dataplane/put_chunk.py",
        "        chunk_no = _possessed(tx, vault, own_view(job), chunk_id, length)\n",
        "        with store.catalog.snapshot() as before:\n"
        "            chunk_no = chunk_index.find(before, vault.vault_no, [chunk_id])[chunk_id].chunk_no\n",
        f"{_UPLOADING}::test_a_chunk_that_turns_out_to_be_bad_before_it_was_claimed_must_be_sent",
    ),
    bug(
        "A pack is measured and dropped while it is being filled",
        "G1",
        "upkeep/survey.py",
        "            return not self._open_packs.is_open(pack.vault_uid, pack.uid)\n",
        "            return True\n",
        "tests/upkeep/test_collecting.py::test_a_pack_that_is_written_to_is_not_measured",
    ),
    bug(
        "A pack's file goes before its row",
        "G3",
        "upkeep/doom.py",
        "            doomed = self.writes.submit((), let_go, purpose=Purpose.FREE)\n",
        "            for pack in empty:\n                self._remove(DoomedPack(pack.uid, pack.vault_uid))\n"
        "            doomed = self.writes.submit((), let_go, purpose=Purpose.FREE)\n",
        _ORDER,
    ),
    bug(
        "A doomed pack is forgotten before its file is gone",
        "G5",
        "upkeep/doom.py",
        "        freed = sum([self._remove(pack) for pack in doomed])\n",
        "        gone = [pack.uid for pack in doomed]\n"
        "        self.writes.submit((), lambda tx, _: packs.forget_doomed(tx, gone), purpose=Purpose.FREE)\n"
        "        freed = sum([self._remove(pack) for pack in doomed])\n",
        _ORDER,
    ),
    bug(
        "A pack loses its row without being noted as doomed",
        "G5",
        "catalog/packs.py",
        '    tx.run(_SQL["insert_doomed"], key)\n',
        "",
        _ORDER,
        f"{_COMPACTING}::test_a_pack_that_is_mostly_dead_is_given_back_and_its_chunks_live_on",
    ),
    bug(
        "A pack is doomed without asking again whether it is empty",
        "G3",
        "catalog/packs.py",
        '    if tx.one(_SQL["is_empty"], key) is None:\n',
        '    if tx.one(_SQL["is_empty"], key) is None and pack_no < 0:\n',
        f"{_COLLECTING}::test_a_pack_is_doomed_only_if_it_is_empty_in_that_very_transaction",
    ),
    bug(
        "A row follows a copy although its chunk stands elsewhere by now",
        "G2",
        "catalog/statements/chunk_index.sql",
        "= :new_bytes, bad = 0\nWHERE chunk_no = :chunk_no AND pack_no = :pack_no AND frame_offset = :frame_offset;",
        "= :new_bytes, bad = 0\nWHERE chunk_no = :chunk_no AND :pack_no > 0 AND :frame_offset > 0;",
        f"{_COMPACTING}::test_a_chunk_that_was_healed_while_it_was_copied_stands_where_it_was_healed",
    ),
    bug(
        "Damage is marked although the chunk stands elsewhere by now",
        "G2",
        "catalog/statements/chunk_index.sql",
        "UPDATE chunks SET bad = 1 WHERE chunk_no = :chunk_no AND pack_no = :pack_no AND frame_offset = :frame_offset;",
        "UPDATE chunks SET bad = 1 WHERE chunk_no = :chunk_no AND :pack_no > 0 AND :frame_offset > 0;",
        f"{_READING}::test_a_chunk_that_is_healed_while_its_damage_is_noticed_stays_good",
    ),
    bug(
        "Compaction copies frames without opening them",
        "G2",
        "chunks/store.py",
        "            data = unseal(keys, chunk_id, raw_bytes, frame, kind=kind)\n",
        "            data = b''\n",
        f"{_COMPACTING}::test_a_frame_that_is_damaged_is_not_copied_as_if_it_were_sound",
    ),
    bug(
        "Compaction seals with the key that a frame had",
        "G6",
        "chunks/store.py",
        "        if header.key_number == keys.frame_key_number:\n",
        "        if header.key_number <= keys.frame_key_number:\n",
        f"{_COMPACTING}::test_after_a_rotation_compaction_seals_what_is_left_under_the_new_key",
    ),
    bug(
        "A reader does not look again where a chunk has gone",
        "G3",
        "dataplane/reading.py",
        "            if (now.pack_no, now.frame_offset) == (chunk.pack_no, chunk.frame_offset):\n",
        "            if now.pack_no:\n",
        f"{_COMPACTING}::test_a_reader_who_knows_the_old_place_reads_at_the_new_one",
    ),
    bug(
        "A collector that was paused goes on although another has taken over",
        "G3",
        "upkeep/fenced.py",
        "            chores.require(tx, self._chore, held.token)\n            return held\n",
        "            return held\n",
        _PAUSED,
        f"{_COMPACTING}::test_a_compactor_that_was_paused_while_another_took_over_moves_nothing",
    ),
    bug(
        "A hold that comes after the look is not heeded",
        "G3",
        "upkeep/fenced.py",
        "                holds.require_none(tx)\n",
        "                pass\n",
        f"{_READING}::test_while_a_hold_stands_no_worker_removes_or_moves_anything",
    ),
    bug(
        "A writer's number is not looked at",
        "G1",
        "catalog/sqlite.py",
        "                writers.require_admitted(tx, self._writer_no, purpose)\n",
        "                assert self._writer_no is None or purpose\n",
        f"{_READING}::test_a_store_that_another_has_taken_over_acknowledges_nothing_any_more",
    ),
)
