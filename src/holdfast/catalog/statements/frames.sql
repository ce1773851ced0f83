-- Frames of vaults whose keys were destroyed are left out everywhere: nobody can read them, and nobody is to miss them.

-- In the order in which they stand. Chunks that no frame is left of may stand in one place, so the number counts too.
-- name: of_pack
SELECT c.chunk_no, v.uid, c.chunk_id, c.raw_bytes, p.uid, c.pack_no, c.frame_offset, c.frame_bytes, c.bad, p.parity_percent
FROM chunks c JOIN packs p ON p.pack_no = c.pack_no JOIN vaults v ON v.vault_no = c.vault_no
WHERE c.pack_no = :pack_no AND c.frame_offset >= :offset AND (c.frame_offset > :offset OR c.chunk_no > :chunk_no)
  AND v.shredded_us IS NULL
ORDER BY c.frame_offset, c.chunk_no LIMIT :limit;

-- name: of_numbers
SELECT c.chunk_no, v.uid, c.chunk_id, c.raw_bytes, p.uid, c.pack_no, c.frame_offset, c.frame_bytes, c.bad, p.parity_percent
FROM chunks c CROSS JOIN packs p ON p.pack_no = c.pack_no CROSS JOIN vaults v ON v.vault_no = c.vault_no
WHERE c.chunk_no IN (:each) AND v.shredded_us IS NULL;

-- name: mark
UPDATE chunks SET bad = :bad WHERE chunk_no = :chunk_no AND pack_no = :pack_no AND frame_offset = :frame_offset;
