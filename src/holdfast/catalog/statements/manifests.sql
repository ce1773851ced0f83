-- name: next_edition
UPDATE backup_jobs SET edition = edition + 1 WHERE job_no = :job_no RETURNING edition;

-- name: edition
SELECT edition FROM backup_jobs WHERE job_no = :job_no;

-- name: insert_draft
INSERT INTO manifest_drafts (job_no, part, chunk_no) VALUES (:job_no, :part, :chunk_no);

-- name: drafts
SELECT chunk_no FROM manifest_drafts WHERE job_no = :job_no ORDER BY part;

-- name: drop_drafts
DELETE FROM manifest_drafts WHERE job_no = :job_no;

-- Drafts are few: those of commits under way.
-- name: jobs_with_drafts
SELECT DISTINCT d.job_no FROM manifest_drafts d JOIN backup_jobs j ON j.job_no = d.job_no
WHERE j.state NOT IN ('RUNNING', 'COMMITTING');

-- name: parts
SELECT chunk_no FROM manifests WHERE point_no = :point_no ORDER BY part;

-- name: frame_ids
SELECT c.chunk_id FROM manifests m JOIN chunks c ON c.chunk_no = m.chunk_no
WHERE m.point_no = :point_no ORDER BY m.part;

-- name: drop_parts
DELETE FROM manifests WHERE point_no = :point_no;
