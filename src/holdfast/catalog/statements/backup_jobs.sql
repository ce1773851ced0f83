-- name: find_series
SELECT series_no, last_seq FROM series WHERE vault_no = :vault_no AND resource_arn = :resource_arn;

-- name: insert_series
INSERT INTO series (vault_no, resource_arn, resource_type, last_seq) VALUES (:vault_no, :resource_arn, :resource_type, 0);

-- name: take_seq
UPDATE series SET last_seq = last_seq + 1 WHERE series_no = :series_no;

-- name: newest_kept
SELECT max(seq) FROM recovery_points WHERE series_no = :series_no AND state = 'KEPT';

-- name: insert
INSERT INTO backup_jobs (uid, series_no, seq, base_seq, point_uid, state, role_arn, idempotency_token, options,
                         created_us, touched_us, lease_us)
VALUES (:uid, :series_no, :seq, :base_seq, :point_uid, 'RUNNING', :role_arn, :idempotency_token, :options,
        :now_us, :now_us, :lease_us);

-- name: select
SELECT j.job_no, j.uid, j.series_no, j.seq, j.base_seq, j.point_uid, j.state, j.message, j.role_arn, j.options,
       j.created_us, j.touched_us, j.lease_us, j.finished_us, s.resource_arn, v.vault_no, v.uid, v.name,
       p.bytes, p.object_count, j.edition
FROM backup_jobs j
JOIN series s ON s.series_no = j.series_no
JOIN vaults v ON v.vault_no = s.vault_no
LEFT JOIN recovery_points p ON p.series_no = j.series_no AND p.seq = j.seq

-- Appended to `select`. A job whose lease is over counts as expired even before it was moved.
-- name: chosen
WHERE j.job_no < :before_no
  AND (v.name = :vault_name OR :vault_name IS NULL)
  AND (s.resource_arn = :resource_arn OR :resource_arn IS NULL)
  AND (s.resource_type = :resource_type OR :resource_type IS NULL)
  AND (:state = CASE WHEN j.state NOT IN ('RUNNING', 'COMMITTING') THEN j.state
                                       WHEN j.touched_us + j.lease_us < :now_us THEN 'EXPIRED'
                                       ELSE 'RUNNING' END OR :state IS NULL)
  AND (j.created_us > :created_after OR :created_after IS NULL)
  AND (j.created_us < :created_before OR :created_before IS NULL)
  AND (j.finished_us > :finished_after OR :finished_after IS NULL)
  AND (j.finished_us < :finished_before OR :finished_before IS NULL)
ORDER BY j.job_no DESC
LIMIT :limit;

-- name: touch
UPDATE backup_jobs SET touched_us = :now_us WHERE job_no = :job_no;

-- name: move
UPDATE backup_jobs SET state = :state, message = :message, finished_us = :finished_us
WHERE job_no = :job_no AND state IN ('RUNNING', 'COMMITTING');

-- Jobs that were touched further ahead than their lease is long: a clock has been put back since.
-- name: ahead
SELECT job_no FROM backup_jobs WHERE state IN ('RUNNING', 'COMMITTING') AND touched_us > :now_us + lease_us LIMIT :limit;

-- Every job that runs begins its lease again.
-- name: touch_running
UPDATE backup_jobs SET touched_us = :now_us WHERE state IN ('RUNNING', 'COMMITTING');

-- name: overdue
SELECT uid FROM backup_jobs WHERE state IN ('RUNNING', 'COMMITTING') AND touched_us + lease_us < :now_us LIMIT :limit;

-- name: drop_deletions
DELETE FROM deletions WHERE job_no = :job_no;

-- Appended to `select`.
-- name: live
WHERE j.state IN ('RUNNING', 'COMMITTING') ORDER BY j.job_no LIMIT :limit;

-- Of the objects that a job has completed, and of the chunks of its open uploads: so many of each are looked at.
-- name: put_so_far
SELECT coalesce((SELECT sum(o.bytes) FROM (SELECT bytes FROM objects WHERE series_no = :series_no AND from_seq = :seq
                                           LIMIT :limit) o), 0)
     + coalesce((SELECT sum(u.raw_bytes) FROM (SELECT c.raw_bytes FROM objects x
                                               JOIN object_chunks r ON r.object_no = x.object_no
                                               JOIN chunks c ON c.chunk_no = r.chunk_no
                                               WHERE x.job_no = :job_no AND x.from_seq IS NULL LIMIT :limit) u), 0);
