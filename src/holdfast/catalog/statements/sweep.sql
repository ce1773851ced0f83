-- What may go and why is argued in docs/design/versions.md.

-- name: find_ended_job
SELECT job_no FROM backup_jobs WHERE swept = 0 AND state NOT IN ('RUNNING', 'COMMITTING') ORDER BY job_no LIMIT 1;

-- What held chunks waits until the packs say that it is gone: a catalog made from them shows it whole or not at all.
-- name: find_dead_seq
SELECT d.series_no, d.seq FROM dead_seqs d
WHERE NOT EXISTS (SELECT 1 FROM series s JOIN owed_records w ON w.vault_no = s.vault_no JOIN vaults v ON v.vault_no = s.vault_no
                  WHERE v.shredded_us IS NULL AND s.series_no = d.series_no AND w.kind = 'DELETION')
ORDER BY d.series_no, d.seq LIMIT 1;

-- A deleted recovery point between kept ones. Dead ones go by their seq; the base of a running job waits for its job.
-- name: find_deleted_point
SELECT p.point_no, p.series_no, p.seq FROM recovery_points p
WHERE p.state = 'DELETED'
  AND NOT EXISTS (SELECT 1 FROM dead_seqs d WHERE d.series_no = p.series_no AND d.seq = p.seq)
  AND NOT EXISTS (SELECT 1 FROM backup_jobs j WHERE j.series_no = p.series_no AND j.base_seq = p.seq
                  AND j.state IN ('RUNNING', 'COMMITTING'))
  AND NOT EXISTS (SELECT 1 FROM series s JOIN owed_records w ON w.vault_no = s.vault_no JOIN vaults v ON v.vault_no = s.vault_no
                  WHERE v.shredded_us IS NULL AND s.series_no = p.series_no AND w.kind = 'DELETION')
LIMIT 1;

-- With the number of chunks that each refers to; -1 where that is not known, of uploads.
-- name: unlisted_objects
SELECT object_no, CASE WHEN completed_us IS NULL THEN -1 ELSE chunk_count END
FROM objects WHERE job_no = :job_no AND from_seq IS NULL LIMIT :limit;

-- name: drop_deletions
DELETE FROM deletions WHERE job_no = :job_no AND name IN (
    SELECT name FROM deletions WHERE job_no = :job_no ORDER BY name LIMIT :limit);

-- Drafts of a completed job are those of its manifest being written anew, which goes on.
-- name: condemn_drafts
INSERT INTO condemned (chunk_no) SELECT d.chunk_no FROM manifest_drafts d
WHERE d.job_no = :job_no AND EXISTS (SELECT 1 FROM backup_jobs j WHERE j.job_no = :job_no AND j.state <> 'COMPLETED')
ON CONFLICT DO NOTHING;

-- name: drop_drafts
DELETE FROM manifest_drafts
WHERE job_no = :job_no AND EXISTS (SELECT 1 FROM backup_jobs j WHERE j.job_no = :job_no AND j.state <> 'COMPLETED');

-- name: mark_job_swept
UPDATE backup_jobs SET swept = 1 WHERE job_no = :job_no;

-- name: objects_from_seq
SELECT object_no, chunk_count FROM objects
WHERE series_no = :series_no AND from_seq = :seq /*postgresql: AND state = 'WHOLE' */ LIMIT :limit;

-- name: reopen
UPDATE objects SET to_seq = 9223372036854775807 WHERE object_no IN (
    SELECT object_no FROM objects
    WHERE series_no = :series_no AND to_seq = :seq AND to_seq < 9223372036854775807 LIMIT :limit);

-- name: condemn_manifest
INSERT INTO condemned (chunk_no) SELECT chunk_no FROM manifests
WHERE point_no IN (SELECT point_no FROM recovery_points WHERE series_no = :series_no AND seq = :seq)
ON CONFLICT DO NOTHING;

-- name: drop_manifest
DELETE FROM manifests WHERE point_no IN (SELECT point_no FROM recovery_points WHERE series_no = :series_no AND seq = :seq);

-- name: mark_point_gone
UPDATE recovery_points SET state = 'GONE' WHERE series_no = :series_no AND seq = :seq;

-- name: drop_dead_seq
DELETE FROM dead_seqs WHERE series_no = :series_no AND seq = :seq;

-- The nearest views below and above :seq that somebody may read or build on: kept points and bases of running jobs.
-- name: neighbours
SELECT max(CASE WHEN seq < :seq THEN seq END), min(CASE WHEN seq > :seq THEN seq END)
FROM (SELECT max(seq) AS seq FROM recovery_points WHERE series_no = :series_no AND state = 'KEPT' AND seq < :seq
      UNION ALL
      SELECT min(seq) FROM recovery_points WHERE series_no = :series_no AND state = 'KEPT' AND seq > :seq
      UNION ALL
      SELECT base_seq FROM backup_jobs WHERE series_no = :series_no AND state IN ('RUNNING', 'COMMITTING')) pinned;

-- Each to_seq in question is sought by itself, so that rows which an older kept point still sees are not even read.
-- name: objects_between
SELECT o.object_no, o.chunk_count
FROM recovery_points q CROSS JOIN objects o
WHERE q.series_no = :series_no AND q.seq > :seq AND q.seq <= :next_seq
  AND q.seq NOT IN (SELECT d.seq FROM dead_seqs d WHERE d.series_no = :series_no)
  AND o.series_no = :series_no AND o.to_seq = q.seq AND o.to_seq < 9223372036854775807
  AND o.from_seq > :previous_seq AND o.from_seq <= :seq
LIMIT :limit;

-- name: mark_point_swept
UPDATE recovery_points SET state = 'SWEPT' WHERE point_no = :point_no;

-- Which references a batch takes of an object is said twice, once to condemn their chunks and once to delete them.
-- name: condemn_references
INSERT INTO condemned (chunk_no) SELECT chunk_no FROM object_chunks
WHERE object_no = :object_no AND chunk_index <= coalesce(
    (SELECT chunk_index FROM object_chunks WHERE object_no = :object_no ORDER BY chunk_index LIMIT 1 OFFSET :limit - 1),
    9223372036854775807)
ON CONFLICT DO NOTHING;

-- name: drop_references
DELETE FROM object_chunks
WHERE object_no = :object_no AND chunk_index <= coalesce(
    (SELECT chunk_index FROM object_chunks WHERE object_no = :object_no ORDER BY chunk_index LIMIT 1 OFFSET :limit - 1),
    9223372036854775807);

-- name: condemn_all_references
INSERT INTO condemned (chunk_no) SELECT chunk_no FROM object_chunks WHERE object_no IN (:each) ON CONFLICT DO NOTHING;

-- name: drop_all_references
DELETE FROM object_chunks WHERE object_no IN (:each);

-- The plus sign keeps PostgreSQL from going through all of the index by metadata chunk, which
-- seems short to it while few objects have such chunks.
-- name: condemn_metadata
INSERT INTO condemned (chunk_no) SELECT metadata_chunk_no FROM objects
WHERE object_no IN (:each) AND +metadata_chunk_no IS NOT NULL
ON CONFLICT DO NOTHING;

-- name: drop_objects
DELETE FROM objects WHERE object_no IN (:each);
