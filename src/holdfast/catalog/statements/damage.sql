-- What a bad chunk means for others. Which rows a recovery point sees is said at the head of migrations/0001_start.sql.

-- name: bad_page
SELECT chunk_no FROM chunks WHERE bad = 1 AND chunk_no > :after ORDER BY chunk_no LIMIT :limit;

-- name: count_bad
SELECT count(*) FROM chunks WHERE bad = 1;

-- name: any_bad
SELECT 1 FROM chunks WHERE bad = 1 LIMIT 1;

-- No chunk has the number 0; coalesce is there for the reason that sweep.sql gives at condemn_metadata.
-- name: damaged_objects
SELECT r.object_no FROM object_chunks r CROSS JOIN chunks c ON c.chunk_no = r.chunk_no
WHERE r.object_no IN (:each) AND +c.bad = 1
UNION
SELECT o.object_no FROM objects o CROSS JOIN chunks c ON c.chunk_no = coalesce(o.metadata_chunk_no, 0)
WHERE o.object_no IN (:each) AND +c.bad = 1;

-- Those of metadata blobs come first, as if they were of a series -1. In pieces, each a range of an index, so that a page
-- costs the same wherever it begins.
-- name: references
SELECT -1, object_no, -1 FROM objects WHERE metadata_chunk_no = :chunk_no AND CAST(:series_no AS BIGINT) < 0 AND object_no > :object_no
UNION ALL
SELECT series_no, object_no, chunk_index FROM object_chunks
WHERE chunk_no = :chunk_no AND series_no = :series_no AND object_no = :object_no AND chunk_index > :chunk_index
UNION ALL
SELECT series_no, object_no, chunk_index FROM object_chunks
WHERE chunk_no = :chunk_no AND series_no = :series_no AND object_no > :object_no
UNION ALL
SELECT series_no, object_no, chunk_index FROM object_chunks WHERE chunk_no = :chunk_no AND series_no > :series_no
ORDER BY 1, 2, 3 LIMIT :limit;

-- The kept recovery points that see the object, in order.
-- name: seen_by
SELECT o.series_no, p.seq, p.uid, s.resource_arn, o.name
FROM objects o CROSS JOIN recovery_points p ON p.series_no = o.series_no CROSS JOIN series s ON s.series_no = o.series_no
WHERE o.object_no = :object_no AND o.from_seq IS NOT NULL
  AND p.state = 'KEPT' AND p.seq >= CASE WHEN o.from_seq > :after THEN o.from_seq ELSE :after + 1 END
  AND (p.seq < o.to_seq
       OR EXISTS (SELECT 1 FROM dead_seqs d WHERE d.series_no = o.series_no AND d.seq = o.to_seq))
  AND NOT EXISTS (SELECT 1 FROM dead_seqs d WHERE d.series_no = o.series_no AND d.seq = o.from_seq)
ORDER BY p.seq LIMIT :limit;

-- name: manifests_of
SELECT p.series_no, p.seq, p.uid, s.resource_arn, p.state
FROM manifests m JOIN recovery_points p ON p.point_no = m.point_no JOIN series s ON s.series_no = p.series_no
WHERE m.chunk_no = :chunk_no;

-- name: records_of
SELECT v.name, r.kind, r.subject FROM records r JOIN vaults v ON v.vault_no = r.vault_no WHERE r.chunk_no = :chunk_no;
