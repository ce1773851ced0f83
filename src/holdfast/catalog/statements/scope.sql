-- What a check of one recovery point, or of all of one source, has to read. Read in pages, each a range of an index.

-- name: series_of
SELECT series_no FROM series WHERE resource_arn = :resource_arn ORDER BY series_no;

-- name: largest_point
SELECT coalesce(max(bytes), 0), count(*) FROM recovery_points
WHERE series_no = :series_no AND state = 'KEPT' AND seq >= :lowest AND seq <= :highest;

-- name: manifest_page
SELECT p.seq, m.part, m.chunk_no
FROM recovery_points p CROSS JOIN manifests m ON m.point_no = p.point_no
WHERE p.series_no = :series_no AND p.seq >= :seq AND p.seq <= :highest AND (p.seq > :seq OR m.part > :part)
ORDER BY p.seq, m.part LIMIT :limit;

-- name: next_from_seq
SELECT min(from_seq) FROM objects
WHERE series_no = :series_no AND from_seq > :from_seq AND from_seq <= :highest /*postgresql: AND state = 'WHOLE' */;

-- The last column says whether a kept recovery point of the scope sees the row.
-- name: objects_from
SELECT o.object_no, o.chunk_count, o.metadata_chunk_no,
       EXISTS (SELECT 1 FROM recovery_points p
               WHERE p.series_no = o.series_no AND p.state = 'KEPT' AND p.seq <= :highest
                 AND p.seq >= CASE WHEN o.from_seq > :lowest THEN o.from_seq ELSE :lowest END
                 AND (p.seq < o.to_seq
                      OR EXISTS (SELECT 1 FROM dead_seqs d WHERE d.series_no = o.series_no AND d.seq = o.to_seq)))
FROM objects o
WHERE o.series_no = :series_no AND o.from_seq = :from_seq AND o.object_no > :after /*postgresql: AND o.state = 'WHOLE' */
  AND NOT EXISTS (SELECT 1 FROM dead_seqs d WHERE d.series_no = :series_no AND d.seq = :from_seq)
ORDER BY o.object_no LIMIT :limit;

-- name: chunks_of_objects
SELECT chunk_no FROM object_chunks WHERE object_no IN (:each);

-- name: chunks_of_object
SELECT chunk_index, chunk_no FROM object_chunks
WHERE object_no = :object_no AND chunk_index > :after ORDER BY chunk_index LIMIT :limit;
