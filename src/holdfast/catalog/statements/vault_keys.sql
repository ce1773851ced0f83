-- name: deleted_of_name
SELECT vault_no, uid, name, creator_request_id, encryption_key_arn, created_us, options
FROM vaults WHERE name = :name AND retired_us IS NOT NULL AND shredded_us IS NULL
ORDER BY vault_no DESC LIMIT 100;

-- name: shred
UPDATE vaults SET shredded_us = :now_us WHERE vault_no = :vault_no AND shredded_us IS NULL;

-- name: forget_owed
DELETE FROM owed_records WHERE vault_no = :vault_no;

-- name: shredded
SELECT uid FROM vaults WHERE uid IN (:each) AND shredded_us IS NOT NULL;

-- name: mark_old_key
UPDATE packs SET old_key = 1 WHERE vault_no = :vault_no AND old_key = 0;

-- name: key_number
SELECT key_number FROM vaults WHERE vault_no = :vault_no;

-- name: set_key_number
UPDATE vaults SET key_number = :key_number WHERE vault_no = :vault_no AND key_number < :key_number;

-- name: latest
SELECT uid, name, key_number FROM vaults WHERE shredded_us IS NULL ORDER BY vault_no;
