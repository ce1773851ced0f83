-- What stands in the comment is read by PostgreSQL alone (catalog/postgres_sql.py).
-- name: is_postgresql
SELECT 0 /*postgresql: + 1 */;

-- name: was_announced
SELECT 1 FROM announced WHERE packs > 0;

-- name: has_identity
SELECT 1 FROM identity;

-- name: sqlite_counters
SELECT name, seq FROM sqlite_sequence;

-- name: sqlite_advance
UPDATE sqlite_sequence SET seq = :number WHERE name = :name;

-- name: sqlite_begin_counting
INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :number);

-- Of a pack that may still grow nobody needs more than its last frame that a row refers to.
-- name: packs
SELECT p.pack_no, p.uid, v.uid, CASE WHEN p.bytes IS NULL THEN 0 ELSE 1 END, p.parity_percent,
       coalesce(p.bytes, (SELECT max(c.frame_offset + c.frame_bytes) FROM chunks c WHERE c.pack_no = p.pack_no), 0)
FROM packs p JOIN vaults v ON v.vault_no = p.vault_no
WHERE p.pack_no > :after
ORDER BY p.pack_no LIMIT :limit;

-- name: manifest_parts
SELECT m.point_no, m.part, r.uid, m.chunk_no
FROM manifests m JOIN recovery_points r ON r.point_no = m.point_no
WHERE m.point_no > :point_no OR (m.point_no = :point_no AND m.part > :part)
ORDER BY m.point_no, m.part LIMIT :limit;
