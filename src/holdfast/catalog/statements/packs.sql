-- name: insert
INSERT INTO packs (uid, vault_no, writer_no) SELECT :uid, vault_no, :writer_no FROM vaults WHERE uid = :vault_uid;

-- name: select
SELECT p.pack_no, p.uid, p.vault_no, v.uid, p.bytes, p.dead_bytes, p.old_key
FROM packs p JOIN vaults v ON v.vault_no = p.vault_no

-- name: unmeasured
SELECT p.pack_no, p.uid, v.uid, p.writer_no,
       EXISTS (SELECT 1 FROM writers w WHERE w.writer_no = p.writer_no AND w.ended = 0)
FROM packs p JOIN vaults v ON v.vault_no = p.vault_no
WHERE p.bytes IS NULL AND p.pack_no > :after
ORDER BY p.pack_no LIMIT :limit;

-- name: live_bytes
SELECT CAST(coalesce(sum(frame_bytes), 0) AS BIGINT) FROM chunks WHERE pack_no = :pack_no;

-- The pack header takes 48 bytes.
-- name: measure
UPDATE packs
SET bytes = :bytes, dead_bytes = CASE WHEN :bytes > :live_bytes + 48 THEN :bytes - :live_bytes - 48 ELSE 0 END
WHERE pack_no = :pack_no AND bytes IS NULL;

-- A pack that was written whole, in the transaction that records its frames.
-- name: measure_whole
UPDATE packs
SET bytes = :bytes,
    dead_bytes = :bytes - 48 - (
        SELECT CAST(coalesce(sum(c.frame_bytes), 0) AS BIGINT) FROM chunks c WHERE c.pack_no = packs.pack_no),
    old_key = CASE WHEN :key_number < (SELECT v.key_number FROM vaults v WHERE v.vault_no = packs.vault_no) THEN 1
                   ELSE old_key END
WHERE uid = :uid AND bytes IS NULL;

-- name: bury
UPDATE packs SET dead_bytes = dead_bytes + :frame_bytes WHERE pack_no = :pack_no AND bytes IS NOT NULL;

-- name: exhaust
UPDATE packs SET exhausted = 1
WHERE pack_no = :pack_no AND bytes IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM chunks c WHERE c.pack_no = :pack_no AND c.bad = 0);

-- name: totals
SELECT count(*), coalesce(max(pack_no), 0), CAST(coalesce(sum(bytes), 0) AS BIGINT),
       CAST(coalesce(sum(dead_bytes), 0) AS BIGINT)
FROM (SELECT pack_no, bytes, dead_bytes FROM packs WHERE pack_no > :after ORDER BY pack_no LIMIT :limit) stretch;

-- Appended to `select`, as are the next three. The expression is the one that packs_by_dead is made of.
-- name: empty
WHERE p.bytes IS NOT NULL AND (p.dead_bytes + 49) * 100 / (p.bytes + 1) >= 100
  AND NOT EXISTS (SELECT 1 FROM chunks c WHERE c.pack_no = p.pack_no)
LIMIT :limit;

-- name: wasteful
WHERE p.bytes IS NOT NULL AND (p.dead_bytes + 49) * 100 / (p.bytes + 1) >= :threshold
  AND p.dead_bytes * 100 >= p.bytes * :threshold AND p.exhausted = 0 AND v.shredded_us IS NULL
ORDER BY (p.dead_bytes + 49) * 100 / (p.bytes + 1) DESC LIMIT :limit;

-- name: under_old_key
WHERE p.old_key = 1 AND p.bytes IS NOT NULL AND p.exhausted = 0 AND v.shredded_us IS NULL
ORDER BY p.pack_no LIMIT :limit;

-- name: small
WHERE p.bytes < 8388608 AND p.exhausted = 0 AND v.shredded_us IS NULL
ORDER BY p.vault_no, p.pack_no LIMIT :limit;

-- name: is_empty
SELECT 1 FROM packs WHERE pack_no = :pack_no AND bytes IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM chunks c WHERE c.pack_no = :pack_no);

-- name: insert_doomed
INSERT INTO doomed_packs (uid, vault_uid)
SELECT p.uid, v.uid FROM packs p JOIN vaults v ON v.vault_no = p.vault_no WHERE p.pack_no = :pack_no;

-- Nothing was there when it was measured; what its writer had sent may still arrive.
-- name: insert_late
INSERT INTO late_packs (uid, vault_uid, since_us)
SELECT p.uid, v.uid, :now_us FROM packs p JOIN vaults v ON v.vault_no = p.vault_no
WHERE p.pack_no = :pack_no AND p.bytes = 0
ON CONFLICT DO NOTHING;

-- name: delete
DELETE FROM packs WHERE pack_no = :pack_no;

-- name: doomed
SELECT uid, vault_uid FROM doomed_packs LIMIT :limit;

-- name: forget_doomed
DELETE FROM doomed_packs WHERE uid IN (:each);

-- name: late
SELECT uid, vault_uid FROM late_packs WHERE since_us < :before_us OR since_us > :beyond_us LIMIT :limit;

-- name: forget_late
DELETE FROM late_packs WHERE uid IN (:each);
