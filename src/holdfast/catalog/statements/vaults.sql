-- name: insert
INSERT INTO vaults (uid, name, creator_request_id, encryption_key_arn, created_us, options)
VALUES (:uid, :name, :creator_request_id, :encryption_key_arn, :created_us, :options);

-- name: find
SELECT vault_no, uid, name, creator_request_id, encryption_key_arn, created_us, options
FROM vaults WHERE name = :name AND retired_us IS NULL;

-- name: page
SELECT vault_no, uid, name, creator_request_id, encryption_key_arn, created_us, options
FROM vaults WHERE name > :after AND retired_us IS NULL ORDER BY name LIMIT :limit;

-- name: count_points
SELECT count(*) FROM recovery_points p JOIN series s ON s.series_no = p.series_no
WHERE s.vault_no = :vault_no AND p.state = 'KEPT';

-- name: count_busy
SELECT count(*) FROM backup_jobs j JOIN series s ON s.series_no = j.series_no
WHERE s.vault_no = :vault_no AND j.state IN ('RUNNING', 'COMMITTING');

-- A deleted vault keeps its row, so that its packs and keys stay explained until they are collected.
-- name: retire
UPDATE vaults SET retired_us = :now_us, revision = revision + 1 WHERE vault_no = :vault_no;
