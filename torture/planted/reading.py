"""Bugs on the way out: checks that are left out, damage that is carried on, views that show what they must not."""

from torture.planted.bug import Bug, bug

_FRAME = "tests/chunks/test_frame.py"
_COMPRESSION = "tests/chunks/test_compression.py"
_STORING = "tests/dataplane/test_storing.py"
_VIEWS = "tests/dataplane/test_views.py"

BUGS: tuple[Bug, ...] = (
    bug(
        "What a frame decrypts to is not compared with its chunk id",
        "G2",
        "chunks/frame.py",
        " or frame_id(keys, kind, hashlib.sha256(data).digest()) != chunk_id:",
        " or not hashlib.sha256(data).digest():",
        f"{_FRAME}::test_content_that_is_not_what_its_id_says_is_never_returned",
    ),
    Bug(
        "The header of a frame is not under the tag",
        "G2",
        "chunks/frame.py",
        (
            (".encrypt(_NONCE, packed, header)", ".encrypt(_NONCE, packed, None)"),
            (
                "            _NONCE, view[FRAME_HEADER_BYTES:], view[:FRAME_HEADER_BYTES]\n",
                "            _NONCE, view[FRAME_HEADER_BYTES:], None\n",
            ),
        ),
        (f"{_FRAME}::test_the_tag_is_of_the_header_and_the_body_together",),
    ),
    bug(
        "A frame is decrypted without looking at its tag",
        "G2",
        "chunks/frame.py",
        "        packed = AESGCM(keys.frame_key(header.key_number, header.salt)).decrypt(\n"
        "            _NONCE, view[FRAME_HEADER_BYTES:], view[:FRAME_HEADER_BYTES]\n        )\n",
        "        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes\n"
        "        cut = Cipher(algorithms.AES(keys.frame_key(header.key_number, header.salt)), modes.CTR(_NONCE +"
        " (2).to_bytes(4, 'big')))\n"
        "        packed = cut.decryptor().update(view[FRAME_HEADER_BYTES:-TAG_BYTES])\n",
        f"{_FRAME}::test_every_flipped_byte_of_a_frame_is_detected",
        f"{_FRAME}::test_every_header_byte_is_authenticated_even_with_its_checksum_made_good",
    ),
    bug(
        "A frame of another chunk is taken for the one that was asked for",
        "G2",
        "chunks/frame.py",
        "    if (header.kind, header.vault, header.frame_id, header.raw_bytes) != expected:",
        "    if header.kind != expected[0]:",
        f"{_FRAME}::test_another_chunk_vault_or_length_than_expected_is_refused",
    ),
    bug(
        "The checksum of a frame header is not compared",
        "G5",
        "packfile/layout.py",
        "    if _CRC.unpack_from(data, _FRAME.size)[0] != zlib.crc32(data[: _FRAME.size]):",
        "    if not _CRC.unpack_from(data, _FRAME.size):",
        "tests/packfile/test_layout.py::test_no_flipped_bit_of_a_header_passes",
        "tests/packfile/test_read.py::test_a_flip_anywhere_in_a_header_hides_that_frame_only",
    ),
    bug(
        "A damaged frame hides what stands behind it",
        "G5",
        "packfile/read.py",
        "            found = _next_frame(read_at, start + 1, pack_bytes)\n",
        "            found = None\n",
        "tests/packfile/test_read.py::test_a_flip_anywhere_in_a_header_hides_that_frame_only",
    ),
    bug(
        "Decompression is not capped by the length that was authenticated",
        "G8",
        "chunks/compression.py",
        "decompressor.decompress(packed, raw_bytes + 1)",
        "decompressor.decompress(packed)",
        f"{_COMPRESSION}::test_a_decompression_bomb_yields_no_more_than_the_length_it_was_told",
    ),
    bug(
        "A descriptor is closed while a reader is inside it",
        "G2",
        "blobs/open_files.py",
        "        file.retired = True\n        if file.readers == 0:\n",
        "        file.retired = True\n        if file.readers >= 0:\n",
        "tests/blobs/test_open_files.py::test_a_file_that_goes_while_it_is_read_is_closed_after_its_reader",
    ),
    bug(
        "A frame that failed its check is not marked",
        "G2",
        "catalog/statements/chunk_index.sql",
        "UPDATE chunks SET bad = 1 WHERE chunk_no",
        "UPDATE chunks SET bad = 0 WHERE chunk_no",
        f"{_STORING}::test_a_damaged_chunk_is_an_error_and_the_next_upload_heals_it",
    ),
    bug(
        "A new upload is a duplicate of a frame that nobody looked at",
        "G2",
        "dataplane/intake.py",
        "            store.chunks.read(vault.keys, chunk.chunk_id, place_of(chunk), chunk.raw_bytes)\n",
        "",
        "tests/dataplane/test_healing.py::test_an_unnoticed_flip_is_healed_by_the_first_upload_of_the_same_data",
    ),
    bug(
        "A chunk is claimed although its pack is gone",
        "G1",
        "dataplane/put_chunk.py",
        "if found is None or not store.chunks.seems_whole(vault.keys, chunk_id, place_of(found), length):",
        "if found is None:",
        "tests/dataplane/test_healing.py::test_a_chunk_that_is_claimed_without_its_body_must_at_least_be_there",
    ),
    bug(
        "Frames are acknowledged in a pack that somebody has removed",
        "G1",
        "blobs/append_file.py",
        "if found.st_nlink == 0 or found.st_size != self._size:",
        "if False:",
        "tests/dataplane/test_healing.py::test_a_pack_that_is_removed_while_it_is_written_takes_nothing_that_is_acknowledged",
    ),
    bug(
        "A chunk of the base may be claimed although its frame is bad",
        "G2",
        "catalog/chunk_index.py",
        "_NO_CHUNK if known is None or known.bad else known.chunk_no",
        "_NO_CHUNK if known is None else known.chunk_no",
        "tests/dataplane/test_skipping.py::test_a_chunk_whose_frame_is_bad_must_be_sent",
    ),
    bug(
        "A chunk may be claimed by its checksum alone",
        "G7",
        "catalog/chunk_index.py",
        "    return None if known is None or possessor is None else",
        "    return None if known is None else",
        "tests/dataplane/test_skipping.py::test_knowing_a_checksum_is_not_possessing_the_chunk",
    ),
    bug(
        "A commit does not end what the job replaced or deleted",
        "G4",
        "dataplane/commit_backup_job.py",
        "            objects.close(tx, view)\n",
        "",
        f"{_VIEWS}::test_a_job_sees_its_base_less_what_it_deleted_plus_what_it_completed",
    ),
    bug(
        "What an aborted job had ended stays ended",
        "G3",
        "catalog/leases.py",
        "    recovery_points.bury(tx, job.series_no, job.seq)\n",
        "",
        f"{_VIEWS}::test_an_aborted_job_leaves_nothing_in_any_later_view",
        "tests/upkeep/test_sweeping.py::test_an_aborted_job_leaves_nothing",
    ),
    bug(
        "A deleted name comes back from the base",
        "G4",
        "catalog/statements/objects.sql",
        "INSERT INTO deletions (job_no, name) VALUES (:job_no, :name) ON CONFLICT DO NOTHING;",
        "INSERT INTO deletions (job_no, name) SELECT :job_no, :name WHERE :job_no < 0;",
        f"{_VIEWS}::test_a_job_sees_its_base_less_what_it_deleted_plus_what_it_completed",
    ),
)
