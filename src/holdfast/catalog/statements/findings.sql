-- What a walk through all packs found. A file of its own beside the catalog that is being made; it goes when that is whole.

-- name: create_packs
CREATE TABLE packs (
    uid BLOB NOT NULL PRIMARY KEY,
    vault_uid BLOB NOT NULL,
    bytes INTEGER NOT NULL,
    old_key INTEGER NOT NULL
) WITHOUT ROWID;

-- name: create_frames
CREATE TABLE frames (
    vault_uid BLOB NOT NULL,
    frame_id BLOB NOT NULL,
    raw_bytes INTEGER NOT NULL,
    pack_uid BLOB NOT NULL,
    frame_offset INTEGER NOT NULL,
    frame_bytes INTEGER NOT NULL,
    PRIMARY KEY (vault_uid, frame_id)
) WITHOUT ROWID;

-- name: create_parts
CREATE TABLE parts (
    vault_uid BLOB NOT NULL,
    resource_arn TEXT NOT NULL,
    seq INTEGER NOT NULL,
    point_uid TEXT NOT NULL,
    edition INTEGER NOT NULL,
    part INTEGER NOT NULL,
    is_last INTEGER NOT NULL,
    is_full INTEGER NOT NULL,
    base_seq INTEGER NOT NULL,
    vault_name TEXT NOT NULL,
    completed_us INTEGER NOT NULL,
    frame_id BLOB NOT NULL,
    raw_bytes INTEGER NOT NULL,
    pack_uid BLOB NOT NULL,
    frame_offset INTEGER NOT NULL,
    frame_bytes INTEGER NOT NULL,
    PRIMARY KEY (vault_uid, resource_arn, seq, point_uid, edition, completed_us, is_full, part)
) WITHOUT ROWID;

-- name: create_records
CREATE TABLE records (
    vault_uid BLOB NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    resource_arn TEXT,
    number INTEGER NOT NULL,
    since_us INTEGER NOT NULL,
    content BLOB NOT NULL,
    frame_id BLOB NOT NULL,
    pack_uid BLOB NOT NULL,
    frame_offset INTEGER NOT NULL,
    frame_bytes INTEGER NOT NULL,
    PRIMARY KEY (vault_uid, kind, subject)
) WITHOUT ROWID;

-- name: create_replaced
CREATE TABLE replaced (vault_uid BLOB NOT NULL, frame_id BLOB NOT NULL, PRIMARY KEY (vault_uid, frame_id)) WITHOUT ROWID;

-- name: create_plan
CREATE TABLE plan (
    order_us INTEGER NOT NULL,
    vault_uid BLOB NOT NULL,
    resource_arn TEXT NOT NULL,
    seq INTEGER NOT NULL,
    point_uid TEXT NOT NULL,
    edition INTEGER NOT NULL,
    completed_us INTEGER NOT NULL,
    is_full INTEGER NOT NULL,
    is_kept INTEGER NOT NULL,
    PRIMARY KEY (order_us, vault_uid, resource_arn, seq)
) WITHOUT ROWID;

-- name: insert_pack
INSERT INTO packs (uid, vault_uid, bytes, old_key) VALUES (:uid, :vault_uid, :bytes, :old_key);

-- name: find_frames
SELECT frame_id, raw_bytes, pack_uid, frame_offset, frame_bytes FROM frames
WHERE vault_uid = :vault_uid AND frame_id IN (:each);

-- name: move_frame
UPDATE frames SET raw_bytes = :raw_bytes, pack_uid = :pack_uid, frame_offset = :frame_offset, frame_bytes = :frame_bytes
WHERE vault_uid = :vault_uid AND frame_id = :frame_id;

-- name: insert_part
INSERT INTO parts (vault_uid, resource_arn, seq, point_uid, edition, part, is_last, is_full, base_seq, vault_name,
                   completed_us, frame_id, raw_bytes, pack_uid, frame_offset, frame_bytes)
VALUES (:vault_uid, :resource_arn, :seq, :point_uid, :edition, :part, :is_last, :is_full, :base_seq, :vault_name,
        :completed_us, :frame_id, :raw_bytes, :pack_uid, :frame_offset, :frame_bytes)
ON CONFLICT DO NOTHING;

-- Of several VAULT records the one of the highest revision counts.
-- name: insert_record
INSERT INTO records (vault_uid, kind, subject, resource_arn, number, since_us, content, frame_id, pack_uid,
                     frame_offset, frame_bytes)
VALUES (:vault_uid, :kind, :subject, :resource_arn, :number, :since_us, :content, :frame_id, :pack_uid,
        :frame_offset, :frame_bytes)
ON CONFLICT (vault_uid, kind, subject) DO UPDATE
SET number = excluded.number, since_us = excluded.since_us, content = excluded.content, frame_id = excluded.frame_id,
    pack_uid = excluded.pack_uid, frame_offset = excluded.frame_offset, frame_bytes = excluded.frame_bytes
WHERE excluded.number > records.number;

-- name: insert_replaced
INSERT INTO replaced (vault_uid, frame_id) VALUES (:vault_uid, :frame_id) ON CONFLICT DO NOTHING;

-- Few are asked for: frames of manifests and records that could not be read.
-- name: is_superseded
SELECT 1 FROM parts WHERE vault_uid = :vault_uid AND frame_id = :frame_id
UNION ALL SELECT 1 FROM records WHERE vault_uid = :vault_uid AND frame_id = :frame_id
UNION ALL SELECT 1 FROM replaced WHERE vault_uid = :vault_uid AND frame_id = :frame_id
LIMIT 1;

-- name: vaults
SELECT DISTINCT vault_uid FROM packs ORDER BY vault_uid;

-- name: packs_page
SELECT uid, bytes, old_key FROM packs WHERE vault_uid = :vault_uid AND uid > :after ORDER BY uid LIMIT :limit;

-- name: vault_record
SELECT content FROM records WHERE vault_uid = :vault_uid AND kind = 'VAULT' AND subject = '';

-- name: records_page
SELECT kind, subject, resource_arn, number, since_us, content, frame_id, pack_uid, frame_offset, frame_bytes
FROM records WHERE vault_uid = :vault_uid AND kind = :kind AND (subject > :after OR :after IS NULL)
ORDER BY subject LIMIT :limit;

-- name: vault_name
SELECT vault_name FROM parts WHERE vault_uid = :vault_uid ORDER BY completed_us DESC LIMIT 1;

-- name: series
SELECT resource_arn, max(seq), max(base_seq) FROM (
    SELECT resource_arn, seq, base_seq FROM parts WHERE vault_uid = :vault_uid
    UNION ALL
    SELECT resource_arn, number, 0 FROM records WHERE vault_uid = :vault_uid AND kind = 'DELETION') seen
GROUP BY resource_arn ORDER BY resource_arn;

-- One row for each manifest that was begun, whole or not.
-- name: manifests
SELECT seq, point_uid, edition, completed_us, is_full, max(base_seq), count(*),
       max(CASE WHEN is_last = 1 THEN part + 1 ELSE 0 END)
FROM parts WHERE vault_uid = :vault_uid AND resource_arn = :resource_arn
GROUP BY seq, point_uid, edition, completed_us, is_full
ORDER BY seq, point_uid, edition, completed_us, is_full;

-- name: deletions
SELECT subject FROM records WHERE vault_uid = :vault_uid AND kind = 'DELETION' AND resource_arn = :resource_arn;

-- name: insert_plan
INSERT INTO plan (order_us, vault_uid, resource_arn, seq, point_uid, edition, completed_us, is_full, is_kept)
VALUES (:order_us, :vault_uid, :resource_arn, :seq, :point_uid, :edition, :completed_us, :is_full, :is_kept);

-- name: plan_page
SELECT order_us, vault_uid, resource_arn, seq, point_uid, edition, completed_us, is_full, is_kept FROM plan
WHERE (order_us, vault_uid, resource_arn, seq) > (:order_us, :vault_uid, :resource_arn, :seq)
ORDER BY order_us, vault_uid, resource_arn, seq LIMIT :limit;

-- name: parts_of
SELECT frame_id, raw_bytes, pack_uid, frame_offset, frame_bytes FROM parts
WHERE vault_uid = :vault_uid AND resource_arn = :resource_arn AND seq = :seq AND point_uid = :point_uid
  AND edition = :edition AND completed_us = :completed_us AND is_full = :is_full
ORDER BY part;
