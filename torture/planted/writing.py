"""Bugs on the way in: bytes that are acknowledged before they are durable, or that are not the bytes that came."""

from torture.planted.bug import Bug, bug

_PACKS = "tests/chunks/test_packs.py"
_COMMIT = "tests/chunks/test_commit.py"
_LOCAL = "tests/blobs/test_local.py"
_FAILURES = "tests/blobs/test_disk_failures.py"
_DISK = "tests/blobs/test_disk.py"

_COMMIT_LATER = """\
            if writer.in_transaction:
                _execute(writer, "COMMIT")
            _execute(writer, "BEGIN IMMEDIATE")
"""

BUGS: tuple[Bug, ...] = (
    bug(
        "A group of frames is written and not synced",
        "G1",
        "chunks/packs.py",
        "            pack.sync()\n",
        "",
        f"{_PACKS}::test_a_group_is_synced_once_per_pack_and_before_it_returns",
    ),
    bug(
        "The sync of a file never reaches the system",
        "G1",
        "blobs/disk.py",
        "        os.fdatasync(descriptor)\n",
        "        assert descriptor >= 0\n",
        f"{_DISK}::test_a_sync_is_a_system_call_on_that_file",
    ),
    bug(
        "The sync of a directory never reaches the system",
        "G1",
        "blobs/disk.py",
        "            os.fsync(descriptor)\n",
        "            assert descriptor >= 0\n",
        f"{_DISK}::test_a_sync_of_a_directory_is_a_system_call_on_that_directory",
    ),
    bug(
        "A new pack is used before its directory entry is durable",
        "G1",
        "blobs/local.py",
        "            self._disk.sync_directory(path.parent)\n        except OSError as failed:\n            file",
        "            pass\n        except OSError as failed:\n            file",
        f"{_PACKS}::test_a_new_pack_and_its_directory_entry_are_durable_before_its_frames_are_acknowledged",
        f"{_FAILURES}::test_a_pack_whose_directory_entry_cannot_be_made_durable_is_not_handed_out",
    ),
    bug(
        "A blob's name is linked and the directory not synced",
        "G1",
        "blobs/local.py",
        "                self._disk.sync_directory(target.parent)\n            finally:",
        "                pass\n            finally:",
        f"{_FAILURES}::test_a_put_whose_directory_sync_fails_is_not_acknowledged",
    ),
    bug(
        "A blob is named before its bytes are synced",
        "G1",
        "blobs/local.py",
        "            self._disk.sync(descriptor)\n        except BaseException:",
        "        except BaseException:",
        f"{_LOCAL}::test_a_put_syncs_bytes_then_links_then_syncs_the_directory",
    ),
    bug(
        "A new directory is not made durable in its parent",
        "G1",
        "blobs/local.py",
        "            self._disk.sync_directory(path.parent)\n        self._directories.add(path)",
        "            pass\n        self._directories.add(path)",
        f"{_LOCAL}::test_a_new_directory_is_synced_into_its_parent_before_it_is_used",
    ),
    bug(
        "A caller is answered without waiting for its group",
        "G1",
        "chunks/commit.py",
        "        ticket.done.acquire()\n        if ticket.error",
        "        if ticket.error",
        f"{_COMMIT}::test_a_failed_transaction_is_everyones_error_and_the_next_one_is_tried",
    ),
    Bug(
        "A transaction is reported before it is committed",
        "G1",
        "catalog/sqlite.py",
        (
            ('                _execute(writer, "COMMIT")\n', ""),
            (
                '            _execute(writer, "BEGIN IMMEDIATE")\n',
                _COMMIT_LATER,
            ),
        ),
        ("tests/catalog/test_durable_commits.py::test_a_commit_is_synced_before_it_is_reported",),
    ),
    bug(
        "A failed group is acknowledged",
        "G1",
        "chunks/commit.py",
        "Outcome(error=_fresh(error))",
        "Outcome(error=None and _fresh(error))",
        f"{_COMMIT}::test_a_failed_transaction_is_everyones_error_and_the_next_one_is_tried",
        f"{_COMMIT}::test_a_disk_that_keeps_failing_is_everyones_error_and_nothing_is_recorded",
    ),
    bug(
        "A file whose sync failed is synced again",
        "G1",
        "blobs/append_file.py",
        "os.fstat(self._descriptor)\n        except BaseException as failed:\n            self._poisoned = True\n",
        "os.fstat(self._descriptor)\n        except BaseException as failed:\n            pass\n",
        f"{_FAILURES}::test_after_a_failed_sync_the_file_is_never_synced_nor_written_again",
    ),
    bug(
        "A file whose write fell short is appended to",
        "G1",
        "blobs/append_file.py",
        "no frame may follow it in this file.\n            self._poisoned = True\n",
        "no frame may follow it in this file.\n            pass\n",
        f"{_FAILURES}::test_after_a_write_that_fell_short_the_file_takes_nothing_more",
    ),
    bug(
        "A pack goes on being filled after its sync failed",
        "G1",
        "chunks/packs.py",
        "                    self._abandon(vault)\n",
        "                    pass\n",
        f"{_PACKS}::test_a_pack_that_failed_is_abandoned_with_what_it_holds",
    ),
    bug(
        "A short write is not continued",
        "G1",
        "blobs/append_file.py",
        "            pending[start] = memoryview(pending[start])[taken:]",
        "            start += 1",
        f"{_LOCAL}::TestOnADiskThatTakesOneByteAtATime::test_appended_parts_stand_one_after_the_other",
    ),
    bug(
        "A pack's file is made before the catalog knows of it",
        "G5",
        "chunks/packs.py",
        "        self._register(vault, uid)\n        file = self._blobs.create(pack_name(vault, uid))\n",
        "        file = self._blobs.create(pack_name(vault, uid))\n        self._register(vault, uid)\n",
        "tests/chunks/test_registering.py::test_a_pack_is_known_before_its_file_is_made",
    ),
    bug(
        "The bytes of a chunk are not compared with its checksum",
        "G2",
        "dataplane/checks.py",
        "    actual = checksum.digest(data)\n    if declared is not None and",
        "    actual = checksum.digest(data)\n    if declared == '' and",
        "tests/dataplane/test_writing.py::test_bytes_that_do_not_have_the_declared_checksum_are_refused",
    ),
    bug(
        "A completed object is not compared with its SUMMARY",
        "G4",
        "dataplane/notify_object_complete.py",
        '        check_summary(summary, declared, "ObjectChecksum")\n',
        "",
        "tests/dataplane/test_writing.py::test_completion_verifies_the_summary_over_all_chunks",
    ),
    bug(
        "A chunk's length is not compared with its body",
        "G2",
        "dataplane/checks.py",
        "if declared is None or declared == len(data):",
        "if declared is None or declared >= 0:",
        "tests/dataplane/test_writing.py::test_a_body_that_is_not_as_long_as_declared_is_refused",
    ),
    bug(
        "A salt is handed out twice",
        "G6",
        "chunks/salts.py",
        "            return self._ready.pop()",
        "            return self._ready[-1]",
        "tests/chunks/test_salts.py::test_no_salt_is_handed_out_twice_whatever_the_threads_do",
    ),
    bug(
        "Every frame of a chunk is sealed under the same key",
        "G6",
        "chunks/frame.py",
        "    salt = new_salt()\n",
        "    salt = new_salt() and chunk_id\n",
        "tests/chunks/test_frame.py::test_no_key_seals_twice_and_the_same_chunk_never_looks_the_same",
    ),
    bug(
        "A chunk is named by its plain SHA-256",
        "G6",
        "keys/vault_keys.py",
        "        return self._id_key.digest(digest)",
        "        return digest",
        "tests/dataplane/test_storing.py::test_neither_catalog_nor_packs_hold_a_checksum_or_a_content",
        "tests/keys/test_ring.py::test_no_two_vaults_share_a_name_for_the_same_chunk",
    ),
    bug(
        "All vaults share one id key",
        "G6",
        "keys/ring.py",
        "self._write(vault_uid, 1, self._random(KEY_BYTES) + ",
        "self._write(vault_uid, 1, bytes(KEY_BYTES) + ",
        "tests/keys/test_ring.py::test_no_two_vaults_share_a_name_for_the_same_chunk",
    ),
    bug(
        "The catalog keeps digests as they are",
        "G6",
        "keys/vault_keys.py",
        "        pad = self._seal_key.digest(label)\n",
        "        pad = bytes(KEY_BYTES) or label\n",
        "tests/dataplane/test_storing.py::test_neither_catalog_nor_packs_hold_a_checksum_or_a_content",
    ),
)
