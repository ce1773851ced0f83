"""Bugs of those that keep a store alive for years: its keys, its catalog file, its checks, its rebuilding."""

from torture.planted.bug import Bug, bug

_CHECKSUMS = "tests/catalog/test_checksums.py"
_ROTATION = "tests/keys/test_rotation.py"

BUGS: tuple[Bug, ...] = (
    bug(
        "The old key records go before the new root key is in its file",
        "G1",
        "keys/rotation.py",
        "    place.replace(ROOT_KEY_NAME, text)\n    # From here",
        "    _remove_superseded(records, new)\n    place.replace(ROOT_KEY_NAME, text)\n    # From here",
        f"{_ROTATION}::test_nothing_is_removed_before_the_file_that_decides_is_durable",
        f"{_ROTATION}::test_wherever_the_disk_fails_every_key_is_there_afterwards",
    ),
    bug(
        "A new root key derives other tokens",
        "G1",
        "keys/rotation.py",
        "    _rewrap(records, new, RecordName(TOKENS, new.root_id), tokens)\n",
        "",
        f"{_ROTATION}::test_a_new_root_key_changes_no_other_key_and_leaves_tokens_valid",
    ),
    bug(
        "Commits of the catalog do not wait for the disk",
        "G1",
        "catalog/sqlite_file.py",
        "PRAGMA synchronous = FULL;",
        "PRAGMA synchronous = NORMAL;",
        "tests/catalog/test_durable_commits.py::test_a_commit_is_synced_before_it_is_reported",
    ),
    Bug(
        "The checksums of catalog pages are not verified",
        "G2",
        "catalog/sqlite_file.py",
        (
            (
                "    PRAGMA busy_timeout = 30000;\n",
                "    PRAGMA busy_timeout = 30000;\n    PRAGMA checksum_verification = OFF;\n",
            ),
            (
                'if _number(connection, "PRAGMA checksum_verification") != 1:',
                'if _number(connection, "PRAGMA page_size") == 1:',
            ),
        ),
        (
            f"{_CHECKSUMS}::test_a_flipped_bit_anywhere_in_the_file_is_refused_or_changes_nothing",
            f"{_CHECKSUMS}::test_a_bit_that_flips_under_a_running_service_is_noticed",
        ),
    ),
    bug(
        "Nobody notices that the catalog has lost the word about its checksums",
        "G2",
        "catalog/sqlite_file.py",
        '    if connection.reserve_bytes("main") != CHECKSUM_BYTES:\n',
        '    if connection.reserve_bytes("main") < 0:\n',
        "tests/catalog/test_checksum_word.py::test_a_service_that_runs_notices_that_its_catalog_has_lost_the_word",
    ),
    bug(
        "Damage of the log that hides acknowledged transactions is not looked for",
        "G1",
        "catalog/sqlite_file.py",
        "            _require_whole_log(first, path)\n",
        "            pass\n",
        "tests/catalog/test_wal_check.py::test_a_flip_in_any_frame_but_those_of_the_last_transaction_is_refused",
    ),
    bug(
        "The reserve is not made again after it was given",
        "G1",
        "blobs/reserve.py",
        "            with self._lock:\n                self._whole = self._make()\n        return self._whole\n",
        "            pass\n        return self._whole\n",
        "tests/blobs/test_reserve.py::test_on_a_full_disk_it_is_not_whole_until_there_is_room_for_all_of_it",
    ),
    bug(
        "The scrub dates a pack that it did not read to the end",
        "G5",
        "upkeep/scrub.py",
        "            if walk.done:\n                self._finish(walk)\n",
        "            self._finish(walk)\n",
        "tests/upkeep/test_scrub.py::test_a_pack_is_dated_only_when_all_of_it_was_read",
    ),
    bug(
        "A date of a clock that was wrong keeps a pack from being scrubbed",
        "G5",
        "catalog/pack_checks.py",
        '    found = _packs(tx, "dated_ahead", {"now_us": now_us, "limit": limit})\n',
        "    found: list[PackToCheck] = []\n",
        "tests/upkeep/test_scrub.py::test_whatever_the_clock_does_every_pack_is_read_within_a_cycle",
    ),
    bug(
        "A frame that was moved while it was checked is called damaged",
        "G5",
        "upkeep/checking.py",
        "            lost += [latest for before, latest in there if before.place == latest.place]\n",
        "            lost += [latest for _, latest in there]\n",
        "tests/concurrency/test_checking.py::test_frames_that_are_moved_while_they_are_checked_are_not_damaged",
    ),
    bug(
        "What parity restores is used without opening it",
        "G2",
        "upkeep/checking.py",
        "            if damage_of(keys, frame, data) is None:\n",
        "            if data:\n",
        "tests/upkeep/test_parity.py::test_a_crafted_parity_restores_nothing_that_fails_its_own_check",
    ),
    bug(
        "Parity is computed from blocks that are damaged themselves",
        "G2",
        "chunks/restoration.py",
        "        if data is not None and block is not None and block_hash(data) != self._hashes[block]:\n",
        "        if data is not None and block is not None and not self._hashes[block]:\n",
        "tests/upkeep/test_parity.py::test_damage_up_to_the_strength_of_the_parity_is_repaired_by_verifying",
    ),
    bug(
        "Keys that were opened before go on being used after they were disabled",
        "G6",
        "keys/ring.py",
        "        self._provider.require_usable()\n",
        "",
        "tests/keys/test_watched.py::test_keys_that_were_opened_before_are_refused_as_well",
    ),
)
