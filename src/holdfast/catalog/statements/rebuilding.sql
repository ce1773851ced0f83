-- While a catalog is made anew there are no dead seqs, and nobody else uses it.

-- name: insert_vault
INSERT INTO vaults (uid, name, creator_request_id, encryption_key_arn, created_us, options, retired_us, revision)
VALUES (:uid, :name, :creator_request_id, :encryption_key_arn, :created_us, :options, :retired_us, :revision);

-- name: vault_no
SELECT vault_no FROM vaults WHERE uid = :uid;

-- name: insert_pack
INSERT INTO packs (uid, vault_no, old_key, parity_percent) VALUES (:uid, :vault_no, :old_key, :parity_percent);

-- A pack that never was: what is missing stands in it.
-- name: insert_stand_in
INSERT INTO packs (uid, vault_no, exhausted) VALUES (:uid, :vault_no, 1) ON CONFLICT DO NOTHING;

-- The file of a pack has 48 bytes at least.
-- name: close_stand_in
UPDATE packs SET bytes = 48 WHERE uid = :uid AND exhausted = 1 AND bytes IS NULL;

-- name: pack_no
SELECT pack_no FROM packs WHERE uid = :uid;

-- name: insert_series
INSERT INTO series (vault_no, resource_arn, resource_type, last_seq)
VALUES (:vault_no, :resource_arn, :resource_type, :last_seq);

-- name: series_no
SELECT series_no FROM series WHERE vault_no = :vault_no AND resource_arn = :resource_arn;

-- name: insert_job
INSERT INTO backup_jobs (uid, series_no, seq, base_seq, point_uid, state, role_arn, options, created_us, touched_us,
                         lease_us, finished_us, swept, edition)
VALUES (:uid, :series_no, :seq, :base_seq, :point_uid, 'COMPLETED', :role_arn, :options, :created_us, :completed_us,
        0, :completed_us, 1, :edition);

-- name: job_no
SELECT job_no FROM backup_jobs WHERE uid = :uid;

-- name: newest_point
SELECT seq, object_count, bytes FROM recovery_points WHERE series_no = :series_no ORDER BY seq DESC LIMIT 1;

-- name: mark_deleted
UPDATE recovery_points SET state = 'DELETED' WHERE uid = :uid;

-- name: extend_object
UPDATE objects SET chunk_count = chunk_count + :chunk_count, bytes = bytes + :bytes
WHERE series_no = :series_no AND name = :name AND from_seq = :seq;

-- name: delete_all_names
INSERT INTO deletions (job_no, name)
SELECT :job_no, name FROM objects
WHERE series_no = :series_no AND from_seq <= :seq AND to_seq > :seq /*postgresql: AND state = 'WHOLE' */;

-- name: keep_name
DELETE FROM deletions WHERE job_no = :job_no AND name = :name;

-- name: inherited
SELECT name, object_no, completed_us, sealed_checksum, metadata_string, metadata_bytes FROM objects
WHERE series_no = :series_no AND name IN (:each) AND from_seq <= :seq AND to_seq > :seq;

-- name: written
SELECT name, object_no FROM objects WHERE series_no = :series_no AND name IN (:each) AND from_seq = :seq;

-- name: set_metadata_chunk
UPDATE objects SET metadata_chunk_no = :chunk_no WHERE object_no = :object_no;

-- name: mark_bad
UPDATE chunks SET bad = 1 WHERE chunk_no IN (:each);
