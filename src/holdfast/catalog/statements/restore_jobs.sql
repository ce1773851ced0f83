-- name: insert
INSERT INTO restore_jobs (uid, point_no, point_uid, state, role_arn, resource_type, metadata, idempotency_token,
                          created_us, touched_us, lease_us)
VALUES (:uid, :point_no, :point_uid, 'RUNNING', :role_arn, :resource_type, :metadata, :idempotency_token,
        :now_us, :now_us, :lease_us);

-- name: select
SELECT r.job_no, r.uid, r.point_no, r.point_uid, r.state, r.message, r.role_arn, r.resource_type, r.metadata,
       r.created_us, r.touched_us, r.lease_us, r.finished_us,
       p.series_no, p.seq, p.state, p.bytes, s.resource_arn, v.vault_no, v.uid, v.name
FROM restore_jobs r
JOIN recovery_points p ON p.point_no = r.point_no
JOIN series s ON s.series_no = p.series_no
JOIN vaults v ON v.vault_no = s.vault_no

-- Appended to `select`. A job whose lease is over counts as completed even before it was moved.
-- name: chosen
WHERE r.job_no < :before_no
  AND (coalesce(r.resource_type, s.resource_type) = :resource_type OR :resource_type IS NULL)
  AND (:state = CASE WHEN r.state = 'RUNNING' AND r.touched_us + r.lease_us < :now_us
                                       THEN 'COMPLETED' ELSE r.state END OR :state IS NULL)
  AND (r.created_us > :created_after OR :created_after IS NULL)
  AND (r.created_us < :created_before OR :created_before IS NULL)
  AND (r.finished_us > :finished_after OR :finished_after IS NULL)
  AND (r.finished_us < :finished_before OR :finished_before IS NULL)
ORDER BY r.job_no DESC
LIMIT :limit;

-- name: fail_readers
UPDATE restore_jobs SET state = 'FAILED', message = :message, finished_us = :now_us
WHERE point_no = :point_no AND state = 'RUNNING';

-- name: touch
UPDATE restore_jobs SET touched_us = :now_us WHERE job_no = :job_no;

-- name: move
UPDATE restore_jobs SET state = :state, message = :message, finished_us = :finished_us
WHERE job_no = :job_no AND state = 'RUNNING';

-- Jobs that were touched further ahead than their lease is long: a clock has been put back since.
-- name: ahead
SELECT job_no FROM restore_jobs WHERE state = 'RUNNING' AND touched_us > :now_us + lease_us LIMIT :limit;

-- Every job that runs begins its lease again.
-- name: touch_running
UPDATE restore_jobs SET touched_us = :now_us WHERE state = 'RUNNING';

-- name: overdue
SELECT uid FROM restore_jobs WHERE state = 'RUNNING' AND touched_us + lease_us < :now_us LIMIT :limit;
