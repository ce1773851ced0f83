-- name: find
SELECT root_id, access_key_id FROM identity;

-- name: insert
INSERT INTO identity (one, root_id, access_key_id) VALUES (1, :root_id, :access_key_id) ON CONFLICT DO NOTHING;

-- name: replace
UPDATE identity SET root_id = :root_id, access_key_id = :access_key_id;

-- name: announce
UPDATE announced SET packs = packs + :count RETURNING packs;

-- name: announced
SELECT packs FROM announced;
