"""Bugs of what the packs say of themselves, and of making a catalog from nothing else."""

from torture.planted.bug import Bug, bug

_CHAIN = "tests/records/test_chain.py"
_REBUILD = "tests/records/test_rebuild.py"
_RECORDS = "tests/records/test_records.py"
_OWED = "tests/concurrency/test_deleting.py::test_what_a_deleted_point_held_stays_until_the_packs_know_of_its_deletion"

BUGS: tuple[Bug, ...] = (
    bug(
        "Rebuilding brings deleted recovery points back",
        "G5",
        "records/chain.py",
        "        is_kept = manifest.point_uid not in deleted\n",
        "        is_kept = manifest.point_uid != ''\n",
        f"{_CHAIN}::test_a_deleted_point_stays_as_what_newer_ones_build_on",
        f"{_REBUILD}::test_every_committed_recovery_point_is_back_as_it_was",
    ),
    bug(
        "Of two manifests of one point rebuilding takes the older edition",
        "G5",
        "records/chain.py",
        "best = max((m for m in found if m.is_whole)",
        "best = min((m for m in found if m.is_whole)",
        f"{_CHAIN}::test_of_two_whole_manifests_the_later_edition_counts",
    ),
    bug(
        "Rebuilding takes a manifest that is not whole for a recovery point",
        "G4",
        "records/chain.py",
        "best = max((m for m in found if m.is_whole)",
        "best = max((m for m in found if m.seq)",
        f"{_CHAIN}::test_a_commit_that_was_cut_short_made_no_point",
    ),
    bug(
        "Points that build on a missing one are shown as if they were whole",
        "G4",
        "records/chain.py",
        "        elif manifest.base_seq != previous_seq:\n            can_be_had = False\n",
        "        elif manifest.base_seq != previous_seq:\n            can_be_had = bool(links)\n",
        f"{_CHAIN}::test_points_that_build_on_a_missing_one_are_lost_and_named",
    ),
    bug(
        "A lost catalog is replaced by an empty one",
        "G5",
        "app/opening.py",
        "    first = None if path.exists() else next(packs_on_disk(blobs), None)\n",
        "    first = next(packs_on_disk(blobs), None) if path == Path() else None\n",
        f"{_REBUILD}::test_a_lost_catalog_is_not_replaced_by_an_empty_one",
    ),
    bug(
        "A catalog that is older than the packs is opened",
        "G3",
        "app/opening.py",
        "        if unknown:\n",
        "        if unknown and not batch:\n",
        f"{_REBUILD}::test_a_catalog_older_than_the_packs_is_refused",
    ),
    bug(
        "A rebuilt catalog takes its place before it is durable",
        "G1",
        "app/rebuilt_file.py",
        "            self._sync(building)\n            self._disk.sync_directory(self._directory)\n",
        "",
        "tests/records/test_rebuild_order.py::test_the_new_catalog_is_durable_before_it_takes_the_place_of_the_old_one",
    ),
    bug(
        "What a deleted point held goes before the packs know of its deletion",
        "G4",
        "catalog/statements/sweep.sql",
        "s.series_no = d.series_no AND w.kind = 'DELETION')",
        "s.series_no = d.series_no AND w.kind = 'VAULT')",
        _OWED,
        f"{_RECORDS}::test_nothing_that_a_deleted_point_held_goes_before_the_packs_know",
    ),
    bug(
        "The packs are not told of a commit that was begun and given up",
        "G5",
        "catalog/leases.py",
        "    if job.edition:\n",
        "    if job.edition < 0:\n",
        f"{_RECORDS}::test_a_commit_that_did_not_happen_and_was_given_up_is_no_recovery_point",
        f"{_RECORDS}::test_a_commit_that_expired_on_the_way_is_no_recovery_point_either",
    ),
    bug(
        "A commit that another process has begun anew is finished nevertheless",
        "G4",
        "dataplane/commit_backup_job.py",
        "    manifests.require_edition(tx, job.job_no, job.edition)\n",
        "",
        "tests/concurrency/test_committing.py::test_a_commit_that_another_process_has_begun_anew_is_left_to_it",
    ),
)
