-- name: insert
INSERT INTO recovery_points (uid, series_no, seq, job_no, state, object_count, bytes, created_us, completed_us)
VALUES (:uid, :series_no, :seq, :job_no, 'KEPT', :object_count, :bytes, :created_us, :completed_us);

-- name: select
SELECT p.point_no, p.uid, p.series_no, p.seq, p.state, p.object_count, p.bytes, p.created_us, p.completed_us,
       s.resource_arn, v.vault_no, v.uid, v.name, j.role_arn, j.uid, j.options, v.encryption_key_arn
FROM recovery_points p
JOIN series s ON s.series_no = p.series_no
JOIN vaults v ON v.vault_no = s.vault_no
JOIN backup_jobs j ON j.job_no = p.job_no

-- Appended to `select`.
-- name: chosen
WHERE p.state = 'KEPT' AND p.point_no < :before_no
  AND (s.vault_no = :vault_no OR :vault_no IS NULL)
  AND (s.resource_arn = :resource_arn OR :resource_arn IS NULL)
  AND (s.resource_type = :resource_type OR :resource_type IS NULL)
  AND (p.created_us > :created_after OR :created_after IS NULL)
  AND (p.created_us < :created_before OR :created_before IS NULL)
ORDER BY p.point_no DESC
LIMIT :limit;

-- name: find_by_seq
SELECT uid FROM recovery_points WHERE series_no = :series_no AND seq = :seq;

-- name: mark_deleted
UPDATE recovery_points SET state = 'DELETED' WHERE point_no = :point_no AND state = 'KEPT';

-- name: newest_seq
SELECT max(seq) FROM recovery_points WHERE series_no = :series_no AND state = 'KEPT';

-- name: running_bases
SELECT base_seq FROM backup_jobs WHERE series_no = :series_no AND state IN ('RUNNING', 'COMMITTING');

-- name: bury_above
INSERT INTO dead_seqs (series_no, seq)
SELECT series_no, seq FROM recovery_points
WHERE series_no = :series_no AND seq > :floor AND state IN ('DELETED', 'SWEPT')
ON CONFLICT DO NOTHING;

-- name: insert_dead
INSERT INTO dead_seqs (series_no, seq) VALUES (:series_no, :seq) ON CONFLICT DO NOTHING;
