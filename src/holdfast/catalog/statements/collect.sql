-- name: next_condemned
SELECT chunk_no FROM condemned ORDER BY chunk_no LIMIT :limit;

-- A reference is one of these five and nothing else.
-- name: delete_unreferenced
DELETE FROM chunks
WHERE chunk_no IN (:each)
  AND NOT EXISTS (SELECT 1 FROM object_chunks r WHERE r.chunk_no = chunks.chunk_no)
  AND NOT EXISTS (SELECT 1 FROM objects o WHERE o.metadata_chunk_no = chunks.chunk_no)
  AND NOT EXISTS (SELECT 1 FROM manifests m WHERE m.chunk_no = chunks.chunk_no)
  AND NOT EXISTS (SELECT 1 FROM manifest_drafts d WHERE d.chunk_no = chunks.chunk_no)
  AND NOT EXISTS (SELECT 1 FROM records t WHERE t.chunk_no = chunks.chunk_no)
RETURNING pack_no, frame_bytes;

-- name: reprieve
DELETE FROM condemned WHERE chunk_no IN (:each);

-- name: count_unreferenced
SELECT count(*)
FROM (SELECT chunk_no FROM condemned ORDER BY chunk_no LIMIT :limit) n CROSS JOIN chunks c
WHERE c.chunk_no = n.chunk_no
  AND NOT EXISTS (SELECT 1 FROM object_chunks r WHERE r.chunk_no = c.chunk_no)
  AND NOT EXISTS (SELECT 1 FROM objects o WHERE o.metadata_chunk_no = c.chunk_no)
  AND NOT EXISTS (SELECT 1 FROM manifests m WHERE m.chunk_no = c.chunk_no)
  AND NOT EXISTS (SELECT 1 FROM manifest_drafts d WHERE d.chunk_no = c.chunk_no)
  AND NOT EXISTS (SELECT 1 FROM records t WHERE t.chunk_no = c.chunk_no);
