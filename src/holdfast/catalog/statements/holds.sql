-- name: place
INSERT INTO holds (reason, since_us) VALUES (:reason, :now_us) ON CONFLICT DO NOTHING;

-- name: all
SELECT reason, since_us FROM holds ORDER BY since_us, reason;

-- name: release
DELETE FROM holds;
