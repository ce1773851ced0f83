-- name: find
SELECT chunk_id, chunk_no, raw_bytes, bad FROM chunks WHERE vault_no = :vault_no AND chunk_id IN (:each);

-- name: find_sound
SELECT 0, c.chunk_no, c.chunk_id, c.sealed_digest, c.raw_bytes, p.uid, c.pack_no, c.frame_offset, c.frame_bytes
FROM chunks c JOIN packs p ON p.pack_no = c.pack_no
WHERE c.vault_no = :vault_no AND c.chunk_id IN (:each) AND c.bad = 0;

-- name: find_pack
SELECT pack_no FROM packs WHERE uid = :uid AND bytes IS NULL;

-- The frame that a bad chunk had is dead, unless its pack is not measured yet.
-- name: bury_frame
UPDATE packs SET dead_bytes = dead_bytes + (SELECT frame_bytes FROM chunks WHERE chunk_no = :chunk_no)
WHERE pack_no = (SELECT pack_no FROM chunks WHERE chunk_no = :chunk_no) AND bytes IS NOT NULL;

-- name: heal
UPDATE chunks SET pack_no = :pack_no, frame_offset = :frame_offset, frame_bytes = :frame_bytes, bad = 0
WHERE chunk_no = :chunk_no;

-- name: mark_bad
UPDATE chunks SET bad = 1 WHERE chunk_no = :chunk_no AND pack_no = :pack_no AND frame_offset = :frame_offset;

-- name: find_reference
SELECT c.chunk_id, c.sealed_digest, c.raw_bytes
FROM object_chunks r JOIN chunks c ON c.chunk_no = r.chunk_no
WHERE r.object_no = :object_no AND r.chunk_index = :chunk_index;

-- name: page
SELECT r.chunk_index, c.chunk_no, c.chunk_id, c.sealed_digest, c.raw_bytes, p.uid, c.pack_no, c.frame_offset, c.frame_bytes
FROM object_chunks r JOIN chunks c ON c.chunk_no = r.chunk_no JOIN packs p ON p.pack_no = c.pack_no
WHERE r.object_no = :object_no AND r.chunk_index > :after
ORDER BY r.chunk_index LIMIT :limit;

-- name: of_objects
SELECT r.object_no, r.chunk_index, c.chunk_no, c.chunk_id, c.sealed_digest, c.raw_bytes, p.uid, c.pack_no,
       c.frame_offset, c.frame_bytes
FROM object_chunks r CROSS JOIN chunks c ON c.chunk_no = r.chunk_no CROSS JOIN packs p ON p.pack_no = c.pack_no
WHERE r.object_no IN (:each)
ORDER BY r.object_no, r.chunk_index;

-- name: of_added
SELECT o.object_no, r.chunk_index, c.raw_bytes, c.chunk_id, c.sealed_digest
FROM objects o JOIN object_chunks r ON r.object_no = o.object_no JOIN chunks c ON c.chunk_no = r.chunk_no
WHERE o.series_no = :series_no AND o.from_seq = :own AND o.object_no > :after AND o.object_no <= :last
  /*postgresql: AND o.state = 'WHOLE' */
  AND o.chunk_count <= :count_max
ORDER BY o.object_no, r.chunk_index;

-- name: find_by_number
SELECT 0, c.chunk_no, c.chunk_id, c.sealed_digest, c.raw_bytes, p.uid, c.pack_no, c.frame_offset, c.frame_bytes
FROM chunks c JOIN packs p ON p.pack_no = c.pack_no
WHERE c.chunk_no = :chunk_no AND c.vault_no = :vault_no;

-- name: find_place
SELECT p.uid, c.pack_no, c.frame_offset, c.frame_bytes
FROM chunks c JOIN packs p ON p.pack_no = c.pack_no
WHERE c.chunk_no = :chunk_no;

-- The sound frames of a pack, in the order in which they stand.
-- name: sound_frames
SELECT chunk_no, chunk_id, raw_bytes, frame_offset, frame_bytes FROM chunks
WHERE pack_no = :pack_no AND bad = 0 ORDER BY frame_offset LIMIT :limit;

-- The copy was made of this very frame and was found sound.
-- name: move
UPDATE chunks SET pack_no = :new_pack_no, frame_offset = :new_offset, frame_bytes = :new_bytes, bad = 0
WHERE chunk_no = :chunk_no AND pack_no = :pack_no AND frame_offset = :frame_offset;

-- An object of the job, or of its base, that has the chunk; among the newest references of the job's own series. What other
-- series use is not even read: it must not show in the time that this takes. The plus signs keep to the numbers found.
-- name: find_possessor
SELECT o.object_no
FROM (SELECT r.object_no FROM object_chunks r
      WHERE r.chunk_no = :chunk_no AND r.series_no = :series_no
      ORDER BY r.object_no DESC LIMIT :looks) newest
CROSS JOIN objects o
WHERE o.object_no = newest.object_no
  AND (+o.job_no = :job_no
       OR (+o.series_no = :series_no AND +o.from_seq <= :seq
           AND NOT EXISTS (SELECT 1 FROM dead_seqs d WHERE d.series_no = :series_no AND d.seq = o.from_seq)
           AND (o.to_seq > :seq
                OR EXISTS (SELECT 1 FROM dead_seqs d WHERE d.series_no = :series_no AND d.seq = o.to_seq))))
LIMIT 1;
