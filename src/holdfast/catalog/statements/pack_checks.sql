-- Packs that nobody writes to any more ("measured": bytes is known), and when each was last read as a whole.

-- Never read, or dated by a clock that ran ahead.
-- name: undated
SELECT p.pack_no, p.uid, v.uid, p.bytes, p.verified_us, p.parity_percent
FROM packs p JOIN vaults v ON v.vault_no = p.vault_no
WHERE p.bytes IS NOT NULL AND p.verified_us = 0 AND v.shredded_us IS NULL
ORDER BY p.pack_no LIMIT :limit;

-- name: dated_ahead
SELECT p.pack_no, p.uid, v.uid, p.bytes, p.verified_us, p.parity_percent
FROM packs p JOIN vaults v ON v.vault_no = p.vault_no
WHERE p.bytes IS NOT NULL AND p.verified_us > :now_us AND v.shredded_us IS NULL
ORDER BY p.verified_us LIMIT :limit;

-- name: dated
SELECT p.pack_no, p.uid, v.uid, p.bytes, p.verified_us, p.parity_percent
FROM packs p JOIN vaults v ON v.vault_no = p.vault_no
WHERE p.bytes IS NOT NULL AND p.verified_us > 0 AND p.verified_us <= :now_us AND v.shredded_us IS NULL
ORDER BY p.verified_us LIMIT :limit;

-- name: without_parity
SELECT p.pack_no, p.uid, v.uid, p.bytes, p.verified_us, p.parity_percent
FROM packs p JOIN vaults v ON v.vault_no = p.vault_no
WHERE p.parity_percent = 0 AND p.pack_no > :after AND p.bytes IS NOT NULL AND v.shredded_us IS NULL
ORDER BY p.pack_no LIMIT :limit;

-- Measured or not.
-- name: following
SELECT p.pack_no, p.uid, v.uid, p.bytes, p.verified_us, p.parity_percent
FROM packs p JOIN vaults v ON v.vault_no = p.vault_no
WHERE p.pack_no >= :lowest AND p.pack_no <= :highest AND v.shredded_us IS NULL
ORDER BY p.pack_no LIMIT 1;

-- name: find
SELECT p.pack_no, p.uid, v.uid, p.bytes, p.verified_us, p.parity_percent
FROM packs p JOIN vaults v ON v.vault_no = p.vault_no WHERE p.uid = :uid;

-- name: last_no
SELECT coalesce(max(pack_no), 0) FROM packs;

-- Goes through one of the small indexes; packs are few, one for some tens of MiB.
-- name: count
SELECT count(*) FROM packs;

-- name: unmeasured
SELECT p.pack_no, p.uid, v.uid, p.bytes, p.verified_us, p.parity_percent
FROM packs p JOIN vaults v ON v.vault_no = p.vault_no WHERE p.bytes IS NULL ORDER BY p.pack_no LIMIT :limit;

-- name: count_due
SELECT count(*) FROM packs WHERE bytes IS NOT NULL AND verified_us <= :before_us;

-- name: oldest_date
SELECT min(verified_us) FROM packs WHERE bytes IS NOT NULL AND verified_us > 0;

-- name: set_verified
UPDATE packs SET verified_us = :verified_us WHERE pack_no = :pack_no AND uid = :uid AND bytes IS NOT NULL;

-- name: set_parity
UPDATE packs SET parity_percent = :percent WHERE pack_no = :pack_no AND uid = :uid AND bytes IS NOT NULL;
