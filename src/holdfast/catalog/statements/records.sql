-- name: owe_vault
INSERT INTO owed_records (vault_no, kind, subject, number, since_us)
SELECT vault_no, 'VAULT', '', revision, :now_us FROM vaults WHERE vault_no = :vault_no
ON CONFLICT (vault_no, kind, subject) DO UPDATE SET number = excluded.number, since_us = excluded.since_us;

-- name: owe_deletion
INSERT INTO owed_records (vault_no, kind, subject, resource_arn, number, since_us)
VALUES (:vault_no, 'DELETION', :subject, :resource_arn, :number, :now_us) ON CONFLICT DO NOTHING;

-- name: owe_again
INSERT INTO owed_records (vault_no, kind, subject, resource_arn, number, since_us)
SELECT vault_no, kind, subject, resource_arn, number, since_us FROM records WHERE chunk_no = :chunk_no
ON CONFLICT DO NOTHING;

-- name: owes
SELECT 1 FROM owed_records WHERE vault_no = :vault_no AND kind = :kind AND subject = :subject;

-- name: owed
SELECT o.vault_no, v.uid, o.kind, o.subject, o.resource_arn, o.number, o.since_us
FROM owed_records o JOIN vaults v ON v.vault_no = o.vault_no
WHERE v.shredded_us IS NULL AND (o.vault_no = :vault_no OR :vault_no IS NULL)
ORDER BY o.vault_no, o.kind, o.subject LIMIT :limit;

-- name: pay
DELETE FROM owed_records
WHERE vault_no = :vault_no AND kind = :kind AND subject = :subject AND number = :number;

-- name: former
SELECT record_no, chunk_no FROM records WHERE vault_no = :vault_no AND kind = :kind AND subject = :subject;

-- name: drop
DELETE FROM records WHERE record_no IN (:each);

-- name: insert
INSERT INTO records (vault_no, kind, subject, resource_arn, number, since_us, chunk_no)
VALUES (:vault_no, :kind, :subject, :resource_arn, :number, :since_us, :chunk_no);

-- name: vault
SELECT uid, name, creator_request_id, encryption_key_arn, created_us, options, retired_us, revision
FROM vaults WHERE vault_no = :vault_no;

-- Of retired vaults there are few, and each loses its records once.
-- name: retired_with_records
SELECT v.vault_no FROM vaults v
WHERE v.retired_us IS NOT NULL AND v.vault_no > :after
  AND EXISTS (SELECT 1 FROM records r WHERE r.vault_no = v.vault_no)
ORDER BY v.vault_no LIMIT 1;

-- Or nobody can read what an earlier one says: the keys of the vault are destroyed.
-- name: is_written
SELECT 1 FROM records WHERE vault_no = :vault_no AND kind = 'VAULT' AND number = (
    SELECT revision FROM vaults WHERE vault_no = :vault_no)
UNION ALL
SELECT 1 FROM vaults WHERE vault_no = :vault_no AND shredded_us IS NOT NULL;

-- name: of_kind
SELECT record_no, chunk_no FROM records WHERE vault_no = :vault_no AND kind = :kind ORDER BY subject LIMIT :limit;

-- Another pack of the vault than the one that holds its record, or one that is on its way out.
-- name: has_other_packs
SELECT 1 FROM packs p WHERE p.vault_no = :vault_no AND p.pack_no NOT IN (
    SELECT c.pack_no FROM records r JOIN chunks c ON c.chunk_no = r.chunk_no
    WHERE r.vault_no = :vault_no AND r.kind = 'VAULT')
UNION ALL
SELECT 1 FROM doomed_packs d JOIN vaults v ON v.uid = d.vault_uid WHERE v.vault_no = :vault_no
LIMIT 1;
