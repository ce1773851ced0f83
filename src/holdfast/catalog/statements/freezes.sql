-- name: place
INSERT INTO freezes (reason, since_us) VALUES (:reason, :now_us) ON CONFLICT DO NOTHING;

-- name: release
DELETE FROM freezes WHERE reason = :reason;

-- name: all
SELECT reason FROM freezes ORDER BY reason;
