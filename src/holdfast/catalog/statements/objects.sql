-- Which rows a reader sees is said at the head of migrations/0001_start.sql. In the statements below :seq is the newest
-- committed seq that the reader sees (0: none) and :own is the seq of the job that reads its own view (0: a restore job).
-- Every row of a view is WHOLE. On PostgreSQL the index by from_seq holds WHOLE rows only, so that statements which do not
-- say so cannot take it: its planner would, for a seq that it has not heard of, and read all that the job has written.

-- name: find_upload
SELECT object_no, name, state, throw_on_duplicate, sealed_checksum, metadata_string, metadata_bytes
FROM objects WHERE object_no = :object_no AND job_no = :job_no;

-- As find_upload, for a transaction that adds to the upload: nobody ends it before this transaction has ended.
-- name: find_upload_to_add
SELECT object_no, name, state, throw_on_duplicate, sealed_checksum, metadata_string, metadata_bytes
FROM objects WHERE object_no = :object_no AND job_no = :job_no /*postgresql: FOR SHARE */;

-- The same for one that ends the upload: it waits for those that add, and sees what they added.
-- name: find_upload_to_end
SELECT object_no, name, state, throw_on_duplicate, sealed_checksum, metadata_string, metadata_bytes
FROM objects WHERE object_no = :object_no AND job_no = :job_no /*postgresql: FOR UPDATE */;

-- name: complete
UPDATE objects
SET state = 'WHOLE', from_seq = :own, completed_us = :completed_us, chunk_count = :chunk_count, bytes = :bytes,
    sealed_checksum = :sealed_checksum, metadata_string = :metadata_string,
    metadata_chunk_no = :metadata_chunk_no, metadata_bytes = :metadata_bytes
WHERE object_no = :object_no AND state = 'OPEN';

-- name: retire_own
UPDATE objects SET state = 'GONE', from_seq = NULL
WHERE series_no = :series_no AND name IN (:each) AND from_seq = :own;

-- name: insert_deletion
INSERT INTO deletions (job_no, name) VALUES (:job_no, :name) ON CONFLICT DO NOTHING;

-- name: find_deletion
SELECT 1 FROM deletions WHERE job_no = :job_no AND name = :name;

-- name: find_own
SELECT object_no, sealed_checksum FROM objects WHERE series_no = :series_no AND name = :name AND from_seq = :own;

-- For one name, a look at the dead seqs for each row is cheaper than the list of them that IN makes.
-- name: find_inherited
SELECT object_no, sealed_checksum FROM objects
WHERE series_no = :series_no AND name = :name AND from_seq <= :seq
  AND NOT EXISTS (SELECT 1 FROM dead_seqs d WHERE d.series_no = :series_no AND d.seq = from_seq)
  AND (to_seq > :seq OR EXISTS (SELECT 1 FROM dead_seqs d WHERE d.series_no = :series_no AND d.seq = to_seq));

-- name: page
SELECT o.object_no, o.name, o.completed_us, o.chunk_count, o.bytes, o.sealed_checksum, o.metadata_string,
       o.metadata_chunk_no, o.metadata_bytes
FROM objects o
WHERE o.series_no = :series_no AND o.from_seq IS NOT NULL
  AND o.name >= :lowest AND o.name < :highest AND o.name <> :after
  AND o.completed_us > :created_after AND o.completed_us < :created_before
  AND (o.from_seq = :own
       OR (o.from_seq <= :seq
           AND o.from_seq NOT IN (SELECT seq FROM dead_seqs WHERE series_no = :series_no)
           AND (o.to_seq > :seq OR o.to_seq IN (SELECT seq FROM dead_seqs WHERE series_no = :series_no))
           AND (:own = 0
                OR ((SELECT n.object_no FROM objects n
                     WHERE n.series_no = :series_no AND n.name = o.name AND n.from_seq = :own) IS NULL
                    AND NOT EXISTS (SELECT 1 FROM deletions d WHERE d.job_no = :job_no AND d.name = o.name)))))
ORDER BY o.name
LIMIT :limit;

-- How far a page may look that leaves out most of what it comes by.
-- name: horizon
SELECT name FROM objects
WHERE series_no = :series_no AND from_seq IS NOT NULL AND name >= :lowest AND name < :highest AND name <> :after
ORDER BY name LIMIT 1 OFFSET :looks;

-- The plus signs keep the planner from going through a whole series by its index when there are many numbers.
-- name: find_by_number
SELECT o.object_no, o.name, o.completed_us, o.chunk_count, o.bytes, o.sealed_checksum, o.metadata_string,
       o.metadata_chunk_no, o.metadata_bytes
FROM objects o
WHERE o.object_no IN (:each) AND +o.series_no = :series_no
  AND (+o.from_seq = :own
       OR (+o.from_seq <= :seq
           AND NOT EXISTS (SELECT 1 FROM dead_seqs d WHERE d.series_no = :series_no AND d.seq = o.from_seq)
           AND (o.to_seq > :seq
                OR EXISTS (SELECT 1 FROM dead_seqs d WHERE d.series_no = :series_no AND d.seq = o.to_seq))));

-- name: count_open
SELECT count(*) FROM objects WHERE job_no = :job_no AND from_seq IS NULL AND state = 'OPEN';

-- name: drop_open
UPDATE objects SET state = 'GONE' WHERE job_no = :job_no AND from_seq IS NULL AND state = 'OPEN';

-- name: count_added
SELECT count(*), CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM objects
WHERE series_no = :series_no AND from_seq = :own /*postgresql: AND state = 'WHOLE' */;

-- The inherited objects whose names the job changed; a view has one row of a name at most. As an expression of each
-- changed name, and with UNION ALL, it cannot be turned round by a database that would then read the whole series: it must
-- cost what the job changed. (So does state, which is WHOLE for every row in a view: without it SQLite prefers to read all
-- names of the series from the index by name.) DISTINCT is for names that come twice, and keeps PostgreSQL from looking
-- for each of them twice.
-- name: count_closing
SELECT count(*), CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM objects WHERE object_no IN (
    SELECT DISTINCT (SELECT o.object_no FROM objects o
                     WHERE o.series_no = :series_no AND o.name = changed.name AND o.from_seq <= :seq
                       AND o.from_seq NOT IN (SELECT seq FROM dead_seqs WHERE series_no = :series_no)
                       AND (o.to_seq > :seq OR o.to_seq IN (SELECT seq FROM dead_seqs WHERE series_no = :series_no)))
    FROM (SELECT name FROM objects WHERE series_no = :series_no AND from_seq = :own AND state = 'WHOLE'
          UNION ALL SELECT name FROM deletions WHERE job_no = :job_no) changed);

-- name: close
UPDATE objects SET to_seq = :own WHERE object_no IN (
    SELECT DISTINCT (SELECT o.object_no FROM objects o
                     WHERE o.series_no = :series_no AND o.name = changed.name AND o.from_seq <= :seq
                       AND o.from_seq NOT IN (SELECT seq FROM dead_seqs WHERE series_no = :series_no)
                       AND (o.to_seq > :seq OR o.to_seq IN (SELECT seq FROM dead_seqs WHERE series_no = :series_no)))
    FROM (SELECT name FROM objects WHERE series_no = :series_no AND from_seq = :own AND state = 'WHOLE'
          UNION ALL SELECT name FROM deletions WHERE job_no = :job_no) changed);

-- name: added_page
SELECT o.object_no, o.name, o.completed_us, o.chunk_count, o.bytes, o.sealed_checksum, o.metadata_string,
       o.metadata_chunk_no, o.metadata_bytes
FROM objects o
WHERE o.series_no = :series_no AND o.from_seq = :own AND o.object_no > :after /*postgresql: AND o.state = 'WHOLE' */
ORDER BY o.object_no LIMIT :limit;

-- name: deletions_page
SELECT name FROM deletions WHERE job_no = :job_no AND name > :after ORDER BY name LIMIT :limit;
